/** What every design has to keep, whoever proposed it: spaces and their mappings. */
import type { Look, PropertySpec } from '../property.ts';
import { general } from './any-design.ts';
import { everySpace, hasUser, isKernelManaged, isLiveSpace, someSpace } from './look.ts';

const ALLOC_WORDS = ['alloc', 'alloc-enforced'] as const;
const SPACE_WORDS = ['destroy', 'map-all', 'unmap-all', 'invalidate'] as const;

/** For every mapped, or every unmapped, page of spaces that the kernel manages. */
function everyPage(look: Look, mapped: boolean, holds: (space: number, page: number) => boolean): boolean {
  return everySpace(look, (space) =>
    look.ground.pages.every(
      (page) =>
        !isKernelManaged(look, space) || look.state.mapped.has(space, page) !== mapped || holds(space, page),
    ),
  );
}

const isSomethingMapped = (look: Look): boolean =>
  someSpace(look, (space) => look.state.mapped.size(space) > 0);

export const generalMemoryProperties: readonly PropertySpec[] = [
  general({
    id: 'G10',
    says: 'a page that is mapped cannot be mapped again, and can be unmapped',
    setups: ['nesting'],
    needs: [['map'], ['unmap']],
    arises: isSomethingMapped,
    holds: (look) =>
      everyPage(
        look,
        true,
        (space, page) =>
          !look.accepts('map', { space, page }) &&
          !look.accepts('map-all', { space }) &&
          (!hasUser(look, space) || look.state.joined.has(space) || look.accepts('unmap', { space, page })),
      ),
  }),
  general({
    id: 'G11',
    says: 'a page that is not mapped can be mapped where a device is attached, and cannot be unmapped',
    setups: ['nesting'],
    needs: [['map'], ['unmap']],
    arises: (look) => someSpace(look, (space) => isKernelManaged(look, space) && hasUser(look, space)),
    holds: (look) =>
      everyPage(look, false, (space, page) => !look.accepts('unmap', { space, page })) &&
      everySpace(look, (space) => look.state.mapped.size(space) > 0 || !look.accepts('unmap-all', { space })),
  }),
  general({
    id: 'G12',
    says: 'no command is taken on a space that is not there, and none is made twice',
    setups: ['routes', 'nesting'],
    needs: [['alloc', 'alloc-enforced']],
    arises: (look) => someSpace(look, (space) => isLiveSpace(look, space)),
    holds: (look) =>
      everySpace(look, (space) =>
        isLiveSpace(look, space)
          ? look.ground.contexts.every(
              (context) => !ALLOC_WORDS.some((word) => look.accepts(word, { space, context })),
            )
          : !SPACE_WORDS.some((word) => look.accepts(word, { space })),
      ),
  }),
  {
    ...general({
      id: 'G15',
      says: 'a space takes no mapping before a device is attached to it',
      setups: ['nesting'],
      needs: [['map']],
      arises: (look) => someSpace(look, (space) => isLiveSpace(look, space) && !hasUser(look, space)),
      holds: (look) =>
        everySpace(
          look,
          (space) =>
            !isLiveSpace(look, space) ||
            hasUser(look, space) ||
            !(
              look.ground.pages.some((page) => look.accepts('map', { space, page })) ||
              look.accepts('map-all', { space })
            ),
        ),
    }),
    source: 'V1 section 2; R20-18',
    standing: 'questioned',
    outcome: 'given up: an IOAS can be filled before anything is attached (Q21)',
  },
];
