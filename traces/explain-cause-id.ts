/** Why an id did not do: it never was, it ended, or it is something else. */
import type { RuleId } from '../events/rules.ts';
import type { IommuObject } from '../machines/objects.ts';
import type { Context } from '../machines/world.ts';
import { fieldName } from './describe-command.ts';
import {
  type Cause,
  distinctSteps,
  kindWord,
  madeText,
  nameOf,
  numberField,
  type Scene,
  stepText,
  withArticle,
} from './explain-scene.ts';
import { livesOf } from './provenance.ts';

type Kind = IommuObject['kind'];
type Wanted = Readonly<{ fields: readonly string[]; kinds: readonly Kind[] }>;

const PAGE_TABLES: readonly Kind[] = ['ioas', 'hwpt-paging', 'hwpt-nested'];
const ANY: readonly Kind[] = [];

/** Which field a rule speaks of, and which kinds would have done; no kinds: any object. */
const WANTED: Partial<Record<RuleId, Wanted>> = {
  'ioas/exists': { fields: ['ioasId', 'dstIoasId', 'objectId', 'id'], kinds: ['ioas'] },
  'ioas-copy/source-exists': { fields: ['srcIoasId'], kinds: ['ioas'] },
  'device/exists': { fields: ['devId', 'id'], kinds: ['device'] },
  'selftest/exists': { fields: ['id'], kinds: ['selftest'] },
  'hwpt-paging/exists': { fields: ['hwptId', 'id'], kinds: ['hwpt-paging'] },
  'viommu/exists': { fields: ['viommuId'], kinds: ['viommu'] },
  'hwpt-alloc/fault-exists': { fields: ['faultId'], kinds: ['fault'] },
  'hwpt-alloc/pt-exists': { fields: ['ptId'], kinds: ['ioas', 'hwpt-paging', 'viommu'] },
  'hwpt-alloc/pt-kind': { fields: ['ptId'], kinds: ['ioas', 'hwpt-paging', 'viommu'] },
  'attach/pt-exists': { fields: ['ptId', 'id'], kinds: PAGE_TABLES },
  'attach/pt-kind': { fields: ['ptId', 'id'], kinds: PAGE_TABLES },
  'destroy/exists': { fields: ['id'], kinds: ANY },
  'hwpt-invalidate/exists': { fields: ['hwptId'], kinds: ['hwpt-nested', 'viommu'] },
  'hwpt-invalidate/kind': { fields: ['hwptId'], kinds: ['hwpt-nested', 'viommu'] },
  'pasid-check/exists': { fields: ['hwptId'], kinds: ['hwpt-paging', 'hwpt-nested'] },
  'md-check-iotlb/exists': { fields: ['id'], kinds: ['hwpt-nested'] },
};

/** Kinds that the rule asks for; undefined where it is not about an id. */
export function wantedBy(rule: RuleId): Wanted | undefined {
  return WANTED[rule];
}

/** The field that `rule` refused, by name. */
export function refusedField(scene: Scene, rule: RuleId): string | undefined {
  return WANTED[rule]?.fields.find((name) => name in scene.call.fields);
}

/** undefined where the rule is not about an id. */
export function idCause(scene: Scene, rule: RuleId): Cause | undefined {
  const name = refusedField(scene, rule);
  const id = name === undefined ? undefined : numberField(scene.call, name);
  if (scene.context === undefined || name === undefined || id === undefined) return undefined;
  const { text, steps } = fateOf(scene, scene.context, id, WANTED[rule]?.kinds ?? ANY);
  return { text: [`${fieldName(scene.call, name)}=${id}: ${text}`], steps };
}

const IDS_SHOWN = 12;

/** What became of `id`, up to now. */
function fateOf(
  scene: Scene,
  context: Context,
  id: number,
  kinds: readonly Kind[],
): { text: string; steps: Cause['steps'] } {
  const life = livesOf(scene.steps, context.id, id).at(-1);
  const object = context.objects[id];
  const steps = distinctSteps([life?.made, life?.ended]);
  if (object?.kind === 'tombstone') {
    const ended = life?.ended === undefined ? '' : ` at ${stepText(life.ended)}`;
    return { text: `a tombstone: its vDEVICE ended with the device${ended}; the id stays taken`, steps };
  }
  if (object !== undefined) {
    const wanted = kinds.map((kind) => withArticle(kindWord(kind))).join(' or ');
    return { text: `that is ${nameOf(object)}${madeText(life?.made)}, not ${wanted}`, steps };
  }
  if (life?.ended !== undefined) {
    const was = nameOf({ kind: life.kind, id });
    return { text: `it was ${was}${madeText(life.made)} and ended at ${stepText(life.ended)}`, steps };
  }
  const known = context.objects.filter(
    (one) => one !== undefined && (kinds.length === 0 || kinds.includes(one.kind)),
  );
  const list = known.slice(0, IDS_SHOWN).map((one) => nameOf(one as IommuObject));
  if (known.length > IDS_SHOWN) list.push('…');
  const there = list.length === 0 ? 'nothing of that kind is there' : `there is: ${list.join(', ')}`;
  return { text: `nothing ever had this id in this context; ${there}`, steps };
}
