/** The small model in the languages of other search engines, written from its sizes. */
import type { SmallSizes } from './search-model.ts';

/** For Spin: a set of slots is the bits of a byte, and a device holds the number of its space, or 0. */
export function toPromela({ spaces, slots, devices }: SmallSizes): string {
  const rules: string[] = [];
  for (let space = 0; space < spaces; space++) {
    const holder = space + 1;
    const free = upTo(devices).map((device) => `holds[${device}] != ${holder}`);
    rules.push(`!live[${space}] -> live[${space}] = 1`);
    rules.push(`live[${space}] && ${free.join(' && ')} -> live[${space}] = 0; used[${space}] = 0`);
    for (const slot of upTo(slots)) {
      const bit = 1 << slot;
      const others = (1 << slots) - 1 - bit;
      rules.push(`live[${space}] && !(used[${space}] & ${bit}) -> used[${space}] = used[${space}] | ${bit}`);
      rules.push(
        `live[${space}] && (used[${space}] & ${bit}) -> used[${space}] = used[${space}] & ${others}`,
      );
    }
    for (const device of upTo(devices)) {
      rules.push(`live[${space}] && holds[${device}] == 0 -> holds[${device}] = ${holder}`);
    }
  }
  for (const device of upTo(devices)) rules.push(`holds[${device}] != 0 -> holds[${device}] = 0`);
  return [
    `bit live[${spaces}];`,
    `byte used[${spaces}];`,
    `byte holds[${devices}];`,
    'active proctype caller() {',
    '  do',
    ...rules.map((rule) => `  :: d_step { ${rule} }`),
    '  od',
    '}',
    '',
  ].join('\n');
}

/** For Rumur. Interchangeable things are scalarsets, and a device without a space has an undefined one. */
export function toMurphi({ spaces, slots, devices }: SmallSizes): string {
  return `type
  space: scalarset(${spaces});
  slot: scalarset(${slots});
  device: scalarset(${devices});
var
  live: array [space] of boolean;
  used: array [space] of array [slot] of boolean;
  holds: array [device] of space;
startstate begin
  for s: space do
    live[s] := false;
    for p: slot do used[s][p] := false; end;
  end;
  for d: device do undefine holds[d]; end;
end;
ruleset s: space do
  rule "alloc" !live[s] ==> begin live[s] := true; end;
  rule "free" live[s] & forall d: device do isundefined(holds[d]) | holds[d] != s end ==> begin
    live[s] := false;
    for p: slot do used[s][p] := false; end;
  end;
  ruleset p: slot do
    rule "map" live[s] & !used[s][p] ==> begin used[s][p] := true; end;
    rule "unmap" live[s] & used[s][p] ==> begin used[s][p] := false; end;
  end;
  ruleset d: device do
    rule "attach" live[s] & isundefined(holds[d]) ==> begin holds[d] := s; end;
  end;
end;
ruleset d: device do
  rule "detach" !isundefined(holds[d]) ==> begin undefine holds[d]; end;
end;
invariant "attached to live" forall d: device do isundefined(holds[d]) | live[holds[d]] end;
`;
}

function upTo(size: number): readonly number[] {
  return Array.from({ length: size }, (_, index) => index);
}
