import { describe, expect, it } from 'vitest';
import { ModelError } from '../explore/model-error.ts';
import type { DesignEvent } from '../proposals/design-event.ts';
import { iommufdRfc } from '../proposals/iommufd-rfc-2021-09/proposal.ts';
import { command, type DesignCommand, type Proposal } from '../proposals/proposal.ts';
import { verify } from '../proposals/verify.ts';

/** The RFC with one command replaced. */
function withCommand(replacement: DesignCommand): Proposal {
  const others = iommufdRfc.commands.filter(({ verb }) => verb !== replacement.verb);
  return { ...iommufdRfc, file: 'proposals/mine/proposal.ts', commands: [...others, replacement] };
}

function allocThat(decide: () => readonly DesignEvent[]): Proposal {
  return withCommand(command('alloc-enforced', { name: 'MY_ALLOC', on: 'iommu', source: 'mine', decide }));
}

function errorOf(proposal: Proposal): ModelError {
  try {
    verify(proposal, 'intel', { properties: ['P01'] });
  } catch (thrown) {
    if (thrown instanceof ModelError) return thrown;
    throw thrown;
  }
  throw new Error('nothing was thrown');
}

describe('a proposal that cannot be searched', () => {
  it.each([
    [
      'an event that no state of its machine accepts',
      () => allocThat(() => [{ type: 'SpaceAllocated', space: 0, context: 0, as: 'user' }]),
      /^proposals\/mine\/proposal\.ts: .*MY_ALLOC.*: MDL004-threw: .*ioasid in state 'free' does not accept SpaceAllocated\.user/,
    ],
    [
      'a guard that throws',
      () =>
        allocThat(() => {
          throw new Error('no such table');
        }),
      /^proposals\/mine\/proposal\.ts: .*guard of MY_ALLOC.*: MDL004-threw: .*no such table/,
    ],
    [
      'a field that is not declared',
      () =>
        withCommand(
          command('touch', {
            name: 'MY_TOUCH',
            on: 'device',
            source: 'mine',
            decide: (state) => (Reflect.get(state, 'nope') === undefined ? [] : []),
          }),
        ),
      /^proposals\/mine\/proposal\.ts: .*MY_TOUCH.*: MDL002-missing-field: .*nope/,
    ],
    [
      'a value that grows without end',
      () => allocThat(() => [{ type: 'PageCharged', page: 0 }]),
      /^proposals\/mine\/proposal\.ts: .*MY_ALLOC.*: MDL003-out-of-bounds: /,
    ],
    [
      'a choice that depends on a number',
      () => allocThat(() => [{ type: 'SpaceAllocated', space: 0, context: 0, as: 'kernel' }]),
      /^proposals\/mine\/proposal\.ts: .*: MDL00[47]-/,
    ],
  ])('says of %s where it is', (_, proposal, message) => {
    expect(errorOf(proposal()).message).toMatch(message);
  });

  it('lists a command that nothing accepts', () => {
    const refuses = withCommand(
      command('detach', {
        name: 'MY_DETACH',
        on: 'device',
        source: 'mine',
        decide: () => ({ rule: 'mine/never', errno: undefined, says: 'is never taken', source: 'mine' }),
      }),
    );
    expect(verify(refuses, 'intel', { properties: ['P01'] }).dead).toContain('MY_DETACH [detach]');
  });
});
