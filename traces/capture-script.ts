/** The shell scripts that `ioasis capture` prints: POSIX sh, and nothing but tracefs, trace-cmd or bpftrace. */
import { bpftraceProgram } from './capture-bpftrace.ts';
import { CAPTURED_CALLS, CAPTURED_EVENTS, captureProbes, GROUP } from './capture-probes.ts';

export type CaptureVariant = 'tracefs' | 'trace-cmd' | 'bpftrace';

export type CaptureOptions = Readonly<{
  variant: CaptureVariant;
  /** KiB of the ring of each CPU. */
  bufferKiB: number;
}>;

const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

function usage(variant: CaptureVariant): string {
  const ring = variant === 'bpftrace' ? '' : ' [-b KIB]';
  const output = { tracefs: 'ioasis.trace', 'trace-cmd': 'ioasis.dat', bpftrace: 'ioasis.bt.txt' }[variant];
  return `#!/bin/sh
# Records what programs do with iommufd and VFIO devices, for \`ioasis replay\`.
#   sh capture.sh [-p PID] [-o FILE]${ring} [-n]
# -p PID   this process and those that it starts; without it, the whole system
# -o FILE  where to write (${output})
${variant === 'bpftrace' ? '' : '# -b KIB   size of the ring of each CPU\n'}# -n       dry run: print what would be done
# Stops at Ctrl-C and removes what it made. Needs root.
set -u

pid=
out=${output}
dry=
`;
}

function arguments_(variant: CaptureVariant, bufferKiB: number): string {
  const ring = variant === 'bpftrace' ? '' : '\tb) kib=$OPTARG ;;\n';
  return `${variant === 'bpftrace' ? '' : `kib=${bufferKiB}\n`}
while getopts ${variant === 'bpftrace' ? 'p:o:nh' : 'p:o:b:nh'} option; do
	case $option in
	p) pid=$OPTARG ;;
	o) out=$OPTARG ;;
${ring}	n) dry=1 ;;
	*) sed -n '2,9s/^# \\{0,1\\}//p' "$0" >&2; exit 2 ;;
	esac
done
case $pid in *[!0-9]*) echo "capture: -p wants a number, not $pid" >&2; exit 2 ;; esac
`;
}

/** What the machine says of itself, as notes in the trace. */
const NOTES = `
# What the trace does not say of itself: kernel, IOMMU, devices, the rights of the process.
notes() {
	iommu=
	registers=
	for unit in /sys/class/iommu/*; do
		case \${unit##*/} in
		dmar*) iommu=intel-iommu
			registers=",\\"cap\\":\\"0x$(sed 's/^0x//' "$unit/intel-iommu/cap")\\",\\"ecap\\":\\"0x$(sed 's/^0x//' "$unit/intel-iommu/ecap")\\"" ;;
		ivhd*) iommu=amd-iommu
			registers=",\\"features\\":\\"0x$(sed 's/:.*//;s/^0x//' "$unit/amd-iommu/features")\\"" ;;
		smmu3*) iommu=arm-smmu-v3 ;;
		*) continue ;;
		esac
		break
	done
	echo "ioasis: trace {\\"kernel\\":\\"$(uname -r)\\",\\"arch\\":\\"$(uname -m)\\",\\"pageSize\\":$(getconf PAGESIZE),\\"iommu\\":\\"$iommu\\"$registers}"
	for node in /sys/class/vfio-dev/vfio*; do
		[ -e "$node/device" ] || continue
		device=$(readlink -f "$node/device")
		group=$(readlink -f "$device/iommu_group")
		members=
		for member in "$group"/devices/*; do members="$members\${members:+,}\\"\${member##*/}\\""; done
		ranges=$(sed 's/^\\([^ ]*\\) \\([^ ]*\\) \\([^ ]*\\)$/["\\1","\\2","\\3"]/' "$group/reserved_regions" | paste -s -d, -)
		echo "ioasis: device {\\"path\\":\\"/dev/vfio/devices/\${node##*/}\\",\\"bdf\\":\\"\${device##*/}\\",\\"group\\":\${group##*/},\\"members\\":[$members],\\"reserved\\":[$ranges]}"
	done
	[ -z "$pid" ] || awk -v pid="$pid" '
		FILENAME ~ /status$/ && $1 == "Uid:" { uid = $3 }
		FILENAME ~ /status$/ && $1 == "CapEff:" { cap = $2 }
		FILENAME ~ /limits$/ && /^Max locked memory/ { limit = $4 }
		END { printf "ioasis: cred {\\"pid\\":%d,\\"uid\\":%d,\\"memlock\\":\\"%s\\",\\"capEff\\":\\"0x%s\\"}\\n", pid, uid, limit, cap }
	' "/proc/$pid/status" "/proc/$pid/limits"
	[ -z "$pid" ] || sed "s/^/ioasis: map $pid /" "/proc/$pid/maps"
}
`;

/** \`define NAME NEEDED FILTER DEFINITION FALLBACK\` for each probe. */
function definitions(): string {
  return captureProbes()
    .map(({ name, needed, filter, definition, fallback }) => {
      const words = [name, needed ? '1' : '0', filter ?? '', definition, fallback ?? '-'];
      return `define ${words.map(quote).join(' ')}`;
    })
    .map((line) => `\t${line}`)
    .join('\n');
}

const DEFINE = `
# define NAME NEEDED FILTER DEFINITION FALLBACK: makes a probe, or the fallback where the kernel refuses it.
define() {
	if [ -n "$dry" ]; then
		echo "$4"
		[ -z "$3" ] || echo "  filter: $3"
		probes="$probes $1"
		return
	fi
	if ! echo "$4" 2>/dev/null >>"$tracefs/kprobe_events"; then
		case $5 in
		-|'') made= ;;
		*) made=1; echo "$5" 2>/dev/null >>"$tracefs/kprobe_events" || made= ;;
		esac
		if [ -z "$made" ]; then
			[ "$2" = 1 ] || { echo "capture: this kernel has no probe $1; going on without it" >&2; return; }
			echo "capture: the kernel refuses probe $1; is iommufd there (modprobe iommufd), and are you root?" >&2
			exit 1
		fi
	fi
	probes="$probes $1"
	[ -z "$3" ] || echo "$3" >"$ring/events/${GROUP}/$1/filter"
}
`;

/** In one command, so that one directive for shellcheck covers it. */
const DEFINE_ALL = `# The kernel reads these dollars, not the shell.
# shellcheck disable=SC2016
{
${definitions()}
}`;

const TRACEFS_FIND = `
tracefs=/sys/kernel/tracing
[ -e "$tracefs/kprobe_events" ] || tracefs=/sys/kernel/debug/tracing
if [ -z "$dry" ] && [ ! -w "$tracefs/kprobe_events" ]; then
	echo "capture: cannot write $tracefs/kprobe_events; root is needed, and tracefs has to be mounted" >&2
	exit 1
fi
probes=
`;

const REMOVE = `
remove() {
	for name in $probes; do echo "-:${GROUP}/$name" >>"$tracefs/kprobe_events"; done 2>/dev/null
}
`;

function calls(): string {
  return CAPTURED_CALLS.join(' ');
}

function tracefsBody(): string {
  return `${TRACEFS_FIND}
ring=$tracefs/instances/${GROUP}
reader=
${NOTES}${DEFINE}${REMOVE}
stop() {
	trap '' INT TERM HUP
	trap - EXIT
	echo 0 >"$ring/tracing_on"
	sleep 1
	[ -z "$reader" ] || kill "$reader" 2>/dev/null
	lost=$(cat "$ring"/per_cpu/cpu*/stats | awk '/^overrun:|^dropped events:/ { sum += $NF } END { print sum + 0 }')
	echo "capture: $out is written; $lost events were lost" >&2
	[ "$lost" = 0 ] || echo "capture: a larger ring (-b) or one process (-p) loses less" >&2
	echo 0 >"$ring/events/enable"
	remove
	rmdir "$ring"
	exit 0
}

# follow EVENT [FILTER]: an event that a kernel may not have.
follow() {
	if [ -n "$dry" ]; then echo "enable $1\${2:+ where $2}"; return; fi
	[ -e "$ring/events/$1/enable" ] || return 0
	[ -z "\${2:-}" ] || echo "$2" >"$ring/events/$1/filter"
	echo 1 >"$ring/events/$1/enable"
}

if [ -z "$dry" ]; then
	mkdir "$ring" 2>/dev/null || { echo "capture: $ring is there already; is a capture running?" >&2; exit 1; }
	trap 'remove; rmdir "$ring" 2>/dev/null' EXIT
	echo 0 >"$ring/tracing_on"
	echo mono >"$ring/trace_clock" 2>/dev/null
	echo "$kib" >"$ring/buffer_size_kb"
	echo 1 >"$ring/options/record-tgid" 2>/dev/null
fi
${DEFINE_ALL}
for name in $probes; do follow "${GROUP}/$name"; done
for call in ${calls()}; do
	case $call in
	ioctl) follow "syscalls/sys_enter_$call" 'cmd >= 0x3b00 && cmd <= 0x3bff' ;;
	*) follow "syscalls/sys_enter_$call" ;;
	esac
	follow "syscalls/sys_exit_$call"
done
for event in ${CAPTURED_EVENTS.join(' ')}; do follow "$event"; done
if [ -n "$dry" ]; then
	notes
	exit 0
fi
if [ -n "$pid" ]; then
	echo 1 >"$ring/options/event-fork"
	for task in "/proc/$pid/task"/*; do echo "\${task##*/}"; done >"$ring/set_event_pid"
fi
trap stop INT TERM HUP
cat "$ring/trace_pipe" >"$out" &
reader=$!
echo 1 >"$ring/tracing_on"
notes | while IFS= read -r note; do printf '%s\\n' "$note" >"$ring/trace_marker"; done
echo "capture: writing $out; Ctrl-C ends it" >&2
while kill -0 "$reader" 2>/dev/null; do wait "$reader"; done
stop
`;
}

function traceCmdBody(): string {
  return `${TRACEFS_FIND}
ring=$tracefs
${NOTES}${DEFINE}${REMOVE}
stop() {
	status=$?
	trap - INT TERM HUP EXIT
	remove
	exit "$status"
}

[ -n "$dry" ] || trap stop INT TERM HUP EXIT
${DEFINE_ALL}
set -- record -o "$out" -b "$kib" -C mono
for name in $probes; do set -- "$@" -e "${GROUP}:$name"; done
for call in ${calls()}; do
	case $call in
	ioctl) set -- "$@" -e "syscalls:sys_enter_$call" -f 'cmd >= 0x3b00 && cmd <= 0x3bff' ;;
	*) set -- "$@" -e "syscalls:sys_enter_$call" ;;
	esac
	set -- "$@" -e "syscalls:sys_exit_$call"
done
for event in ${CAPTURED_EVENTS.map((event) => event.replace('/', ':')).join(' ')}; do set -- "$@" -e "$event"; done
[ -z "$pid" ] || set -- "$@" -P "$pid" -c
if [ -n "$dry" ]; then
	echo "trace-cmd $*"
	notes
	exit 0
fi
command -v trace-cmd >/dev/null || { echo 'capture: trace-cmd is not installed' >&2; exit 1; }
# The notes go into the ring when recording has begun.
{ sleep 1; notes | while IFS= read -r note; do printf '%s\\n' "$note" >"$tracefs/trace_marker"; done; } &
trace-cmd "$@"
stop
`;
}

function bpftraceBody(): string {
  return `${NOTES}
program() {
	cat <<'END'
${bpftraceProgram()}
END
}

if [ -n "$dry" ]; then
	program
	notes
	exit 0
fi
command -v bpftrace >/dev/null || { echo 'capture: bpftrace is not installed' >&2; exit 1; }
file=$(mktemp) || exit 1
trap 'rm -f "$file"' EXIT
trap 'exit 0' INT TERM HUP
program >"$file"
# The notes look as marks of tracefs do.
notes | sed 's/^/capture-1 (1) [000] ..... 0.000000000: tracing_mark_write: /' >"$out"
set -- -q "$file"
[ -z "$pid" ] || set -- -p "$pid" "$@"
echo "capture: writing $out; Ctrl-C ends it" >&2
BPFTRACE_PERF_RB_PAGES=1024 bpftrace "$@" >>"$out"
`;
}

const BODIES: Readonly<Record<CaptureVariant, () => string>> = {
  tracefs: tracefsBody,
  'trace-cmd': traceCmdBody,
  bpftrace: bpftraceBody,
};

/** The script, with a newline at its end. */
export function captureScript({ variant, bufferKiB }: CaptureOptions): string {
  return usage(variant) + arguments_(variant, bufferKiB) + BODIES[variant]();
}
