/** What the capture script wrote into the trace about the machine: `trace {…}`, `device {…}`, `cred {…}`. */
import { isHexNumber, isObject } from '../field.ts';
import type { CredLine, HexNumber, RecordedDevice, ReservedRange, TraceLine } from '../recording.ts';
import { captureHeader } from './capture-header.ts';
import type { MemoryMap } from './memory-map.ts';

const MOCK = 'selftest mock';
const KNOWN: ReadonlySet<string> = new Set(['intel-iommu', 'amd-iommu', 'arm-smmu-v3']);
const UNLIMITED = '0xffffffffffffffff';

type Notes = Readonly<Record<string, unknown>>;

export class CaptureNotes {
  private trace: Notes | undefined;
  private readonly devices: RecordedDevice[] = [];
  private cred: Notes | undefined;

  /** Takes one note; what cannot be understood is passed over. `memoryOf` is told of the snapshot of a process. */
  take(text: string, memoryOf: (pid: number) => MemoryMap): void {
    const map = /^map (\d+) (.*)$/.exec(text);
    if (map !== null) {
      memoryOf(Number(map[1])).snapshot(map[2] ?? '');
      return;
    }
    const [, kind, json] = /^(trace|device|cred) (\{.*\})\s*$/.exec(text) ?? [];
    const value = json === undefined ? undefined : parsed(json);
    if (value === undefined) return;
    if (kind === 'trace') this.trace = value;
    else if (kind === 'cred') this.cred = value;
    else {
      const device = deviceOf(value);
      if (device !== undefined) this.devices.push(device);
    }
  }

  /** The header; undefined where the capture has no notes. */
  header(program: string): TraceLine | undefined {
    const { trace } = this;
    if (trace === undefined) return undefined;
    const release = text(trace, 'kernel');
    const iommu = text(trace, 'iommu');
    const { pageSize } = trace;
    const isKnown = KNOWN.has(iommu);
    return captureHeader(release, {
      arch: text(trace, 'arch'),
      ...(typeof pageSize === 'number' ? { pageSize } : {}),
      program: `${program} on Linux ${release}`,
      iommu: isKnown ? iommu : MOCK,
      ...(isKnown ? { machine: { driver: iommu, devices: this.devices, ...registers(trace) } } : {}),
      assumed: [...(isKnown ? [] : ['iommu']), ...(this.cred === undefined ? ['credentials'] : []), 'memory'],
    });
  }

  /** The rights of the process that was captured. */
  credentials(): CredLine | undefined {
    const { cred } = this;
    if (cred === undefined) return undefined;
    const pid = Number(cred['pid']);
    const capEff = cred['capEff'];
    const limit = text(cred, 'memlock');
    if (!Number.isSafeInteger(pid) || !isHexNumber(capEff)) return undefined;
    const memlock: HexNumber = /^\d{1,19}$/.test(limit) ? `0x${BigInt(limit).toString(16)}` : UNLIMITED;
    return { ev: 'cred', seq: 0, ns: 0, pid, tid: pid, uid: Number(cred['uid'] ?? 0), memlock, capEff };
  }
}

function parsed(json: string): Notes | undefined {
  try {
    const value: unknown = JSON.parse(json);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function text(notes: Notes, name: string): string {
  const value = notes[name];
  return typeof value === 'string' ? value : '';
}

function registers(trace: Notes): Readonly<Record<string, HexNumber>> {
  const found: Record<string, HexNumber> = {};
  for (const name of ['cap', 'ecap', 'features']) {
    const value = trace[name];
    if (isHexNumber(value)) found[name] = value;
  }
  return found;
}

function deviceOf(value: Notes): RecordedDevice | undefined {
  const { path, bdf, group, members, reserved } = value;
  if (typeof path !== 'string' || typeof bdf !== 'string' || typeof group !== 'number') return undefined;
  const ranges = Array.isArray(reserved) ? reserved.filter(isRange) : [];
  return {
    path,
    bdf,
    group,
    members: Array.isArray(members) ? members.map(String) : [bdf],
    reserved: ranges,
  };
}

function isRange(value: unknown): value is ReservedRange {
  return (
    Array.isArray(value) &&
    value.length === 3 &&
    isHexNumber(value[0]) &&
    isHexNumber(value[1]) &&
    typeof value[2] === 'string'
  );
}
