/** Sequences of calls with what each has to answer. */
import { expect, it } from 'vitest';
import type { Command } from '../../events/command.ts';
import { errnoOf } from '../../events/rules.ts';
import type { Answer, CallOptions, Given } from './given.ts';

/** An errno, a number written back (an id, an IOVA, a length), nothing but success, or the whole answer. */
export type Expected = string | number | bigint | Answer;

export type Step =
  | readonly [Command, Expected]
  | readonly [Command, Expected, CallOptions]
  | ((given: Given) => unknown);

/** The one field that a command is issued for. */
const MAIN = [
  'outIoasId',
  'outStdevId',
  'outHwptId',
  'outViommuId',
  'outVdeviceId',
  'outVeventqId',
  'outHwQueueId',
  'outFaultId',
  'outAccessPagesId',
  'outDevid',
  'outNrDirty',
  'ptId',
  'dstIova',
  'iova',
  'length',
  'val64',
  'ioasId',
  'entryNum',
  'ret',
];

function mainOf(answer: Answer): unknown {
  for (const name of MAIN) if (name in answer) return answer[name];
  return undefined;
}

/** Success: nothing was refused and nothing is missing. */
export const OK = 'ok';

/** Issues the steps one after another. */
export function play(world: Given, steps: readonly Step[]): Given {
  for (const [index, step] of steps.entries()) {
    if (typeof step === 'function') {
      step(world);
      continue;
    }
    const [command, expected, by = {}] = step;
    const answer = world.when(command, by);
    const found = typeof expected === 'object' ? answer : shortly(answer, expected);
    const place = `step ${index + 1}, ${command.type}`;
    expect([place, found]).toEqual([place, expected]);
  }
  return world;
}

function shortly(answer: Answer, expected: Expected): unknown {
  if ('rule' in answer) return errnoOf(answer['rule'] as never);
  if ('missing' in answer) return answer;
  if (expected === OK) return OK;
  const value = mainOf(answer);
  return typeof expected === 'number' && typeof value === 'bigint' ? Number(value) : value;
}

/** One numbered vector of the reference texts: `core 36` is number 36 of the core text, `device 20` of the other one. */
export function vector(
  number: `core ${string}` | `device ${string}`,
  says: string,
  make: () => Given,
  steps: readonly Step[],
): void {
  it(`${says} (${number})`, () => {
    play(make(), steps);
  });
}
