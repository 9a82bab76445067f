/** The first line of a recording for a capture that has none: told by its notes, or concluded from its first calls. */
import { IOMMU_GET_HW_INFO, IOMMU_TEST_CMD } from '../../events/ioctl-number.ts';
import type { RecordedLine, TraceLine } from '../recording.ts';
import { captureHeader } from './capture-header.ts';
import { u32At } from './memory-order.ts';

/** Lines held back at most until something tells which IOMMU it is. */
const HELD_MAX = 4096;

/** What is known of a capture before its first line. */
export type CaptureFacts = Readonly<{ program: string; kernel?: string; arch?: string }>;

const OUT_DATA_TYPE = 24;
/** enum iommu_hw_info_type. */
const BY_INFO_TYPE: Readonly<Record<number, string>> = { 1: 'intel-vtd', 2: 'arm-smmu-v3', 4: 'amd' };
const BY_ARCH: Readonly<Record<string, string>> = { x86_64: 'intel-vtd', aarch64: 'arm-smmu-v3' };

/** Hands lines on behind a header; holds the first ones back until the header is certain. */
export class HeaderStage {
  private readonly sink: (line: RecordedLine) => void;
  private readonly facts: CaptureFacts;
  private readonly held: RecordedLine[] = [];
  decided = false;
  private vfio = false;

  constructor(facts: CaptureFacts, sink: (line: RecordedLine) => void) {
    this.facts = facts;
    this.sink = sink;
  }

  /** The capture told its own header, and perhaps the rights of the process. */
  told(header: TraceLine, credentials: RecordedLine | undefined): void {
    if (this.decided) return;
    if (credentials !== undefined) this.held.unshift(credentials);
    this.begin(header);
  }

  take(line: RecordedLine): void {
    if (this.decided) {
      this.sink(line);
      return;
    }
    this.held.push(line);
    if (line.ev === 'open' && line.path.startsWith('/dev/vfio/devices/')) this.vfio = true;
    const found = iommuOf(line);
    if (found !== undefined) this.begin(this.header(found, found === 'mock' ? [] : ['machine']));
    else if (this.held.length > HELD_MAX) this.finish();
  }

  /** Nothing more to conclude from. */
  finish(): void {
    if (this.decided || this.held.length === 0) return;
    const iommu = this.vfio ? (BY_ARCH[this.facts.arch ?? 'x86_64'] ?? 'intel-vtd') : 'mock';
    this.begin(this.header(iommu, this.vfio ? ['iommu', 'machine'] : ['iommu']));
  }

  /** A header of which `assumed` says what was taken for granted. */
  private header(iommu: string, unknown: readonly string[]): TraceLine {
    const { program, kernel, arch } = this.facts;
    return captureHeader(kernel, {
      program,
      iommu,
      arch: arch ?? 'x86_64',
      assumed: [...(arch === undefined ? ['arch'] : []), ...unknown, 'credentials', 'memory'],
    });
  }

  private begin(header: TraceLine): void {
    this.decided = true;
    this.sink(header);
    for (const line of this.held) this.sink(line);
    this.held.length = 0;
  }
}

function iommuOf(line: RecordedLine): string | undefined {
  if (line.ev !== 'ioctl') return undefined;
  const command = Number(line.req);
  if (command === IOMMU_TEST_CMD && line.kind === 'iommufd') return 'mock';
  if (command !== IOMMU_GET_HW_INFO || line.ret !== 0 || line.out === undefined) return undefined;
  return BY_INFO_TYPE[u32At(line.out, OUT_DATA_TYPE) ?? 0];
}
