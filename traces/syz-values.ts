/** Arguments of syzkaller calls as the values that programs have. */
import type { Operand } from './program.ts';
import { ARENA_START } from './program-memory.ts';
import { type SyzArg, TEXT_BASE } from './syz-text.ts';

/** Numbers of resources by their names in the text, in the order in which they are made. */
export class ResourceNames {
  private readonly numbers = new Map<string, number>();

  make(name: string): number {
    const number = this.numbers.get(name) ?? this.numbers.size;
    this.numbers.set(name, number);
    return number;
  }

  /** undefined for a resource that a skipped call made. */
  known(name: string): number | undefined {
    return this.numbers.get(name);
  }

  /** A name for something that the text does not name. */
  fresh(): number {
    return this.make(`#${this.numbers.size}`);
  }
}

export function constant(arg: SyzArg | undefined): bigint {
  return arg?.is === 'const' ? arg.value : 0n;
}

/** The real address of a pointer or of a constant. */
export function addressOf(arg: SyzArg | undefined): bigint {
  if (arg?.is !== 'pointer') return constant(arg);
  return (arg.address ?? TEXT_BASE) - TEXT_BASE + BigInt(ARENA_START);
}

/** A descriptor argument; undefined for a resource that is not of this program. */
export function operandOf(arg: SyzArg | undefined, names: ResourceNames): Operand | undefined {
  if (arg?.is === 'resource') {
    const resource = names.known(arg.name);
    return resource === undefined ? undefined : { resource };
  }
  return arg?.is === 'const' ? { fd: Number(BigInt.asIntN(32, arg.value)) } : undefined;
}
