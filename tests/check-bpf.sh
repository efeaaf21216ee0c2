#!/usr/bin/env bash
# No BPF program cuts a packet pointer in half. The context declares data and data_end as 32 bits, but the kernel puts
# pointers there. A compiler that takes them for numbers may work on their lower halves only, and the verifier lets a
# privileged program do so. Prints TAP; the first results are tests of this check itself.
#
# Looks at the objects in $GWD_BUILD/bpf, else build/bpf; $CLANG and $LLVM_OBJDUMP may name other tools than the usual.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

clang=${CLANG:-clang-14}
objdump=${LLVM_OBJDUMP:-llvm-objdump-14}
objects=("${GWD_BUILD:-build}"/bpf/*.bpf.o)
[[ -e ${objects[0]} ]] || { echo "Bail out! no BPF objects are built"; exit 1; }
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

# Follows the context, and what is loaded from its data and data_end, through registers and stack of each function and
# prints each instruction that cuts such a pointer: `wN = wN`, `wN += x`, `rN <<= 32`. The difference of two pointers is a
# number, which may be cut. Behind a label, where paths meet, nothing is known of pointers any more, so that nothing is
# called a pointer that is none. The last line tells how many pointers were seen.
cuts() { # OBJECT
	"$objdump" -d --no-show-raw-insn "$1" | awk '
		function copy(to, from) { ctx[to] = ctx[from]; ptr[to] = ptr[from] }
		function forget(reg) { ctx[reg] = ptr[reg] = 0 }
		/^[0-9a-f]+ <LBB/ { delete ptr; next }
		/^[0-9a-f]+ </ { where = $2; delete ptr; delete ctx; ctx["r1"] = 1; next }
		$1 !~ /^[0-9]+:$/ { next }
		{ text = $0; sub(/^[ \t]+/, "", text); reg = $2; sub(/^w/, "r", reg) }
		$2 == "call" { for (i = 0; i <= 5; i++) forget("r" i); next }
		$2 == "*(u64" && $3 == "*)(r10" { copy("stack" $5, $7); next }
		reg !~ /^r[0-9]+$/ { next }
		ptr[reg] && (($2 ~ /^w/ && ($3 == "+=" || $3 == "=" && $4 == $2)) || ($2 ~ /^r/ && $3 == "<<=" && $4 == 32)) {
			print where " " text
			forget(reg)
			next
		}
		$4 == "*(u32" && ($7 == "76)" || $7 == "80)") && ctx[substr($5, 4)] { forget(reg); ptr[reg] = 1; seen++; next }
		$4 == "*(u64" && $5 == "*)(r10" { copy(reg, "stack" $7); next }
		$2 ~ /^r/ && $3 == "=" && $4 ~ /^r[0-9]+$/ && NF == 4 { copy(reg, $4); next }
		$2 ~ /^r/ && ($3 == "+=" || $3 == "-=" && !ptr[$4]) { next }
		{ forget(reg) }
		END { print "pointers " seen + 0 }
	'
}

# --- this check itself --------------------------------------------------------------------------------------------------
cat >"$work/cases.c" <<'EOF'
#include <linux/bpf.h>
#define PROGRAM __attribute__((section("tc"), used)) int

PROGRAM bad_moved(struct __sk_buff *skb)
{
	unsigned int p = skb->data;

	asm volatile("%0 = %0" : "+w"(p));
	return (void *)(long)p + 14 > (void *)(long)skb->data_end;
}

PROGRAM bad_shifted(struct __sk_buff *skb)
{
	unsigned int p = skb->data;

	asm volatile("" : "+r"(p));
	return (void *)(long)p + 14 > (void *)(long)skb->data_end;
}

PROGRAM bad_added(struct __sk_buff *skb)
{
	unsigned int p = skb->data;

	return (void *)(long)(p + 14) > (void *)(long)skb->data_end;
}

PROGRAM good_pointers(struct __sk_buff *skb)
{
	void *p = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;

	return p + 14 > end ? 0 : *(unsigned char *)p;
}

PROGRAM good_length(struct __sk_buff *skb)
{
	unsigned int n = (void *)(long)skb->data_end - (void *)(long)skb->data, odd = n & 1;

	asm volatile("%0 = %0" : "+w"(n));
	return n + odd;
}

PROGRAM good_number(struct __sk_buff *skb)
{
	void *p = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	unsigned int n = skb->len;

	asm volatile("%0 = %0; %0 += 1" : "+w"(n));
	return p + n > end;
}
EOF
"$clang" -target bpf -mcpu=v3 -O2 "-I/usr/include/$(gcc -print-multiarch)" -c "$work/cases.c" -o "$work/cases.o" \
	>"$work/why" 2>&1
result "the programs to try this check on compile"
cuts "$work/cases.o" >"$work/found"
for bad in bad_moved bad_shifted bad_added; do
	{ grep "<$bad>" "$work/found" || { echo "not caught: $bad"; "$objdump" -d "$work/cases.o"; false; }; } >"$work/why"
	result "a pointer that is cut is found: $bad"
done
! grep "<good_" "$work/found" >"$work/why"
result "nothing is found in good programs"

# --- the engine ---------------------------------------------------------------------------------------------------------
for object in "${objects[@]}"; do
	cuts "$object" >"$work/why" && ! grep -q '^<' "$work/why"
	result "${object##*/} keeps its packet pointers whole"
done
for object in "${objects[@]}"; do cuts "$object"; done >"$work/why"
grep -q '^pointers [1-9]' "$work/why"
result "the engine's packet pointers were seen"
echo "1..$count"
