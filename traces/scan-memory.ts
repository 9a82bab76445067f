/** What lines tell of memory, scanned: the address space of a process, and the file that a MAP_FILE names. */
import { vmaKinds } from './field.ts';
import type { HexNumber, RecordedFile, Vma, VmaKind } from './recording.ts';
import { ascii, count, hexNumber, oneOf, passes, small } from './scan-cursor.ts';

const FIRST = ascii('[');
const NEXT = ascii(',');
const LAST = ascii(']');
const EMPTY = ascii('[]');
const HUGE = ascii(',"huge"');

const KINDS = [...vmaKinds].map((name) => ({ name, text: ascii(`"${name}"`) }));

/** Permissions as the kernel prints them. */
const PERMISSIONS = ['r', '-'].flatMap((read) =>
  ['w', '-'].flatMap((write) =>
    ['x', '-'].flatMap((execute) =>
      ['p', 's'].map((shared) => {
        const name = `${read}${write}${execute}${shared}`;
        return { name, text: ascii(`,"${name}",`) };
      }),
    ),
  ),
);

function vma(): Vma | undefined {
  if (!passes(FIRST)) return undefined;
  const start = hexNumber();
  if (start === undefined || !passes(NEXT)) return undefined;
  const end = hexNumber();
  if (end === undefined) return undefined;
  const permissions = oneOf(PERMISSIONS);
  if (permissions === undefined) return undefined;
  const kind: VmaKind | undefined = oneOf(KINDS);
  if (kind === undefined || !passes(NEXT)) return undefined;
  const inode = count();
  if (inode < 0 || !passes(NEXT)) return undefined;
  const offset: HexNumber | undefined = hexNumber();
  if (offset === undefined) return undefined;
  const huge = passes(HUGE);
  if (!passes(LAST)) return undefined;
  return huge
    ? [start, end, permissions, kind, inode, offset, 'huge']
    : [start, end, permissions, kind, inode, offset];
}

/** A whole address space; undefined where it is not as the recorder writes it. */
export function scanVmas(): Vma[] | undefined {
  const all: Vma[] = [];
  if (passes(EMPTY)) return all;
  if (!passes(FIRST)) return undefined;
  do {
    const one = vma();
    if (one === undefined) return undefined;
    all.push(one);
  } while (passes(NEXT));
  return passes(LAST) ? all : undefined;
}

const FILE = {
  fd: ascii('{"fd":'),
  ino: ascii(',"ino":'),
  size: ascii(',"size":'),
  memfd: ascii(',"type":"memfd"}'),
} as const;

/** A memfd, which nearly all files are; undefined for anything else. */
export function scanFile(): RecordedFile | undefined {
  if (!passes(FILE.fd)) return undefined;
  const fd = small();
  if (fd < 0 || !passes(FILE.ino)) return undefined;
  const ino = count();
  if (ino < 0 || !passes(FILE.size)) return undefined;
  const size = hexNumber();
  return size !== undefined && passes(FILE.memfd) ? { fd, ino, size, type: 'memfd' } : undefined;
}
