#!/usr/bin/env bash
# What the manual pages, `gwctl --help`, the bash completion and configs/gwd.conf say agrees, in both directions. Prints TAP.
# Needs a built gwctl: $GWD_BUILD/gwctl, else build/gwctl.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

gwctl=$(realpath -e "${GWD_BUILD:-build}/gwctl") || { echo "Bail out! gwctl is not built"; exit 1; }
man=gwd/man
pages=("$man/gwctl.1" "$man/gwd.conf.5" "$man/gwd.8")
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
count=0

result() { # NAME: "ok" when the last command succeeded; what it printed is in $work/why
	local ok=$? name=$1
	count=$((count + 1))
	if ((ok == 0)); then
		echo "ok $count - $name"
	else
		echo "not ok $count - $name"
		sed 's/^/# /' "$work/why"
	fi
}

# Two lists, sorted, are the same and not empty.
same() {
	if ! [[ -s $1 && -s $2 ]]; then
		echo "a list is empty: $(wc -l "$1" "$2" | head -2 | tr -s '\n ' ' ')"
		return 1
	fi
	diff -u <(sort -u "$1") <(sort -u "$2")
}

# --- pages -------------------------------------------------------------------------------------------------------------
for page in "${pages[@]}"; do
	mandoc -Tlint -Wwarning "$page" >"$work/why" 2>&1 && ! [[ -s $work/why ]]
	result "mandoc finds nothing in ${page##*/}"
done

# --- gwctl: help and manual page ----------------------------------------------------------------------------------------
"$gwctl" --help >"$work/help" 2>"$work/why"
result "gwctl --help succeeds"

# One usage line for each command; help continues lines with deeper indentation.
awk '/^Options:/ { exit } /^  gwctl / { print line; line = $0; next } /^        / { line = line " " $0 } END { print line }' \
	"$work/help" | tr -s ' ' | sed -n 's/^ gwctl /gwctl /p' >"$work/help.synopsis"
mandoc -Tascii -O width=1000 "$man/gwctl.1" | sed 's/.\x08//g' >"$work/man"
awk '/^SYNOPSIS/ { on = 1; next } /^[A-Z]/ { on = 0 } on' "$work/man" | tr -s ' ' | sed -n 's/^ gwctl/gwctl/p' \
	>"$work/man.synopsis"
same "$work/help.synopsis" "$work/man.synopsis" >"$work/why" 2>&1
result "gwctl(1) and --help show the same commands with the same options"

# Every option is explained in both.
sed '1,/^Options:/d' "$work/help" | grep -oE '^  .{4}--[a-z0-9-]+' | grep -oE -- '--?[a-z0-9-]+' >"$work/help.options"
sed -n '/^\.Sh OPTIONS/,/^\.Sh ENVIRONMENT/p' "$man/gwctl.1" | sed -n 's/^\.It Fl //p' |
	awk '{ print "-" $1; if ($2 == ",") print "-" $3 }' >"$work/man.options"
same "$work/help.options" "$work/man.options" >"$work/why" 2>&1
result "gwctl(1) and --help explain the same options"
grep -oE -- '(^|[[ {])--?[a-z][a-z0-9-]*' "$work/help.synopsis" | tr -d ' [{' | sort -u >"$work/used"
sort -u "$work/help.options" | comm -23 "$work/used" - >"$work/why"
[[ -s $work/used && ! -s $work/why ]]
result "every option of a command is explained"

# Every word that an option takes is in its explanation.
grep -- '^--' "$work/help.options" | while read -r option; do
	for word in $("$gwctl" --list-words lookup-record add "$option"); do
		# "@..." stands for names that the shell knows; words of a flag are those of the command.
		[[ $word == [@-]* ]] ||
			sed -n "/^\\.It Fl .*${option#-} /,/^\\.It/p" "$man/gwctl.1" | grep -E "^\\.Cm $word( |\$)" >/dev/null ||
			echo "$option $word"
	done
done >"$work/why"
[[ ! -s $work/why && -n $("$gwctl" --list-words lookup-record add --rule) ]]
result "gwctl(1) names every word that an option takes"

while read -r _ command; do
	read -ra words <<<"${command%% [-\{\[A-Z]*}"
	"$gwctl" help "${words[@]}" >"$work/one" 2>&1 || echo "gwctl help ${words[*]} fails"
	tr -s ' \n' ' ' <"$work/one" | grep -F "usage: gwctl $command" >/dev/null || echo "gwctl help ${words[*]} differs"
done <"$work/help.synopsis" >"$work/why"
[[ ! -s $work/why ]]
result "gwctl help COMMAND shows what --help shows"

# --- completion ---------------------------------------------------------------------------------------------------------
# Completes after the given words, as bash does.
complete_after() {
	COMP_WORDS=("$gwctl" "$@" "")
	COMP_CWORD=$(($# + 1))
	COMPREPLY=()
	_gwctl
	printf '%s\n' "${COMPREPLY[@]}"
}
# shellcheck source=/dev/null
source configs/completion/gwctl

awk '{ print $2 }' "$work/help.synopsis" >"$work/expected"
complete_after | grep -v '^-' >"$work/got"
same "$work/expected" "$work/got" >"$work/why" 2>&1
result "the completion knows the same commands as --help"

while read -r _ command; do
	read -ra words <<<"${command%% [-\{\[]*}"
	if ((${#words[@]} == 2)) && [[ ${words[1]} != [A-Z]* ]]; then
		complete_after "${words[0]}" | grep -x -- "${words[1]}" >/dev/null || echo "no verb ${words[*]}"
	fi
	[[ ${words[0]} == help ]] && continue
	while [[ ${words[-1]} == [A-Z]* ]]; do unset 'words[-1]'; done
	# The long and the short form of an option are one option.
	{
		printf '%s\n' --api --ca --cert --key --token --token-file --help
		grep -oE -- '--?[a-z][a-z0-9-]*' <<<" ${command#"${words[*]}"}" | sed 's/^-o$/--output/; s/^-f$/--file/'
	} >"$work/expected"
	complete_after "${words[@]}" | grep -- '^--' >"$work/got"
	same "$work/expected" "$work/got" || echo "after ${words[*]}"
done <"$work/help.synopsis" >"$work/why" 2>&1
[[ ! -s $work/why ]]
result "the completion offers each command's verbs and options, no others"

# --- configuration --------------------------------------------------------------------------------------------------------
# "[section] key" lines; a key that is commented out ("#mtu = 1500") is named as well.
awk '/^\[/ { section = $1 } /^#?[a-z_]+ *=/ { sub(/^#/, ""); sub(/ *=.*/, ""); print section " " $0 }' configs/gwd.conf \
	>"$work/conf" 2>"$work/why"
awk '/^\.Ss \[/ { section = $2 } /^\.Sh/ { section = "" } /^\.It Cm/ && section { print section " " $3 }' \
	"$man/gwd.conf.5" >"$work/conf.man"
same "$work/conf" "$work/conf.man" >>"$work/why" 2>&1
result "gwd.conf(5) explains the keys of configs/gwd.conf, no others"

echo "1..$count"
