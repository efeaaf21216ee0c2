# shellcheck shell=bash
# Where packages come from: APT_SOURCES, the files of this machine's apt that have Debian 12's main archive. To be sourced.
APT_SOURCES=()
for f in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do
	# A machine may have other sources, for itself.
	if [[ -s $f ]] && { grep -Eq '^deb .*\bbookworm\S* .*\bmain\b' "$f" ||
		{ grep -Eq '^Suites:.*\bbookworm\b' "$f" && grep -Eq '^Components:.*\bmain\b' "$f"; }; }; then
		APT_SOURCES+=("$f")
	fi
done
