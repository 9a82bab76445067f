/** Facts that a recording tells again with every random program, scanned: where one begins, who it is, its files. */
import type { CredLine, FtruncateLine, OpenLine, ProgramLine } from './recording.ts';
import { ascii, count, hexNumber, passes, small } from './scan-cursor.ts';

/** Who tells. */
type Teller = Readonly<{ seq: number; ns: number; pid: number; tid: number }>;

const PROGRAM = {
  seed: ascii('{"ev":"program","seed":'),
  ns: ascii(',"ns":'),
  seq: ascii(',"seq":'),
} as const;

/** The one event whose name stands first; undefined where it is another, or not as the recorder writes it. */
export function scanProgram(): ProgramLine | undefined {
  if (!passes(PROGRAM.seed)) return undefined;
  const seed = count();
  if (seed < 0 || !passes(PROGRAM.ns)) return undefined;
  const ns = count();
  if (ns < 0 || !passes(PROGRAM.seq)) return undefined;
  const seq = count();
  return seq < 0 ? undefined : { ev: 'program', seed, ns, seq };
}

const CRED = {
  uid: ascii('cred","uid":'),
  memlock: ascii(',"memlock":'),
  capEff: ascii(',"capEff":'),
} as const;
const OPEN = { fd: ascii('open","path":"/dev/iommu","fd":') } as const;
const TRUNCATE = {
  fd: ascii('ftruncate","fd":'),
  ino: ascii(',"ino":'),
  size: ascii(',"size":'),
  ret: ascii(',"ret":0'),
} as const;

/** From the name of the event on; undefined where it is none of these, or not as the recorder mostly writes it. */
export function scanFact(teller: Teller): CredLine | OpenLine | FtruncateLine | undefined {
  if (passes(CRED.uid)) return credentials(teller);
  if (passes(TRUNCATE.fd)) return truncation(teller);
  return passes(OPEN.fd) ? opening(teller) : undefined;
}

function opening({ seq, ns, pid, tid }: Teller): OpenLine | undefined {
  const fd = small();
  return fd < 0 ? undefined : { seq, ns, pid, tid, ev: 'open', path: '/dev/iommu', fd };
}

function credentials({ seq, ns, pid, tid }: Teller): CredLine | undefined {
  const uid = count();
  if (uid < 0 || !passes(CRED.memlock)) return undefined;
  const memlock = hexNumber();
  if (memlock === undefined || !passes(CRED.capEff)) return undefined;
  const capEff = hexNumber();
  return capEff && { seq, ns, pid, tid, ev: 'cred', uid, memlock, capEff };
}

/** Those that succeeded. */
function truncation({ seq, ns, pid, tid }: Teller): FtruncateLine | undefined {
  const fd = small();
  if (fd < 0 || !passes(TRUNCATE.ino)) return undefined;
  const ino = count();
  if (ino < 0 || !passes(TRUNCATE.size)) return undefined;
  const size = hexNumber();
  return size !== undefined && passes(TRUNCATE.ret)
    ? { seq, ns, pid, tid, ev: 'ftruncate', fd, ino, size, ret: 0 }
    : undefined;
}
