/**
 * What one map, lookup or unmap costs in an IOAS of a million areas.
 * Prints one line per operation, each to stay below 20 microseconds: npm run build && node dist/bench/areas.js
 */
import { performance } from 'node:perf_hooks';
import {
  type Area,
  type AreaTree,
  areaAt,
  areaCount,
  EMPTY_AREAS,
  nthArea,
  putArea,
  removeArea,
} from '../machines/area-tree.ts';
import { chooseIova } from '../machines/iova-allocation.ts';

const AREAS = 1_000_000;
const LIMIT_US = 20;
const PAGE = 0x1000n;
const RESERVED = [{ start: 0xfee0_0000n, last: 0xfeef_ffffn }];

/** A fixed walk that meets each of 0 … AREAS-1 once, far from the one before. */
const scattered = (n: number): number => (n * 618_033) % AREAS;
const page = (n: number): bigint => 0x1_0000_0000n + BigInt(n) * 2n * PAGE;

function areaOf(iova: bigint, length: bigint): Area {
  return { iova, last: iova + length - 1n, pagesId: 1, startByte: 0n, prot: 3, pins: 0, locks: 0 };
}

/** Runs `run` a million times; `calls` is how many maps, lookups or unmaps one run stands for. */
function measure(name: string, calls: number, run: (n: number) => void): void {
  const start = performance.now();
  for (let n = 0; n < AREAS; n++) run(n);
  const us = ((performance.now() - start) * 1000) / (AREAS * calls);
  const verdict = us < LIMIT_US ? '' : `  above the limit of ${LIMIT_US}`;
  console.log(`${name.padEnd(52)} ${us.toFixed(2).padStart(8)} us/call${verdict}`);
  if (us >= LIMIT_US) process.exitCode = 1;
}

function putAuto(areas: AreaTree, length: bigint, addr: bigint): AreaTree {
  const limits = { align: 1n, reserved: RESERVED, allowed: [], thpCap: 0x200000n };
  const iova = chooseIova({ length, addr, areas, ...limits });
  if (typeof iova === 'string') throw new Error(`invariant: no room for 0x${length.toString(16)}: ${iova}`);
  return putArea(areas, areaOf(iova, length));
}

function fixedAreas(): void {
  let areas = EMPTY_AREAS;
  let found = 0;
  measure('map fixed, scattered', 1, (n) => {
    areas = putArea(areas, areaOf(page(scattered(n)), PAGE));
  });
  measure('lookup by IOVA, scattered', 1, (n) => {
    if (areaAt(areas, page(scattered(n)) + 5n)) found++;
  });
  measure('lookup by rank, scattered', 1, (n) => {
    if (nthArea(areas, scattered(n))) found++;
  });
  if (found !== 2 * AREAS) throw new Error(`invariant: found ${found} of ${2 * AREAS} areas`);
  measure('unmap and map automatic in turn, scattered', 2, (n) => {
    areas = putAuto(removeArea(areas, page(scattered(n))), PAGE, PAGE);
  });
  measure('unmap lowest', 1, () => {
    const lowest = nthArea(areas, 0);
    if (lowest) areas = removeArea(areas, lowest.iova);
  });
  if (areaCount(areas) !== 0) throw new Error(`invariant: ${areaCount(areas)} areas left`);
}

function automaticAreas(): void {
  let areas = EMPTY_AREAS;
  measure('map automatic, one page each', 1, () => {
    areas = putAuto(areas, PAGE, PAGE);
  });
  let seed = 1;
  const pick = (below: number): number => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
  const churn = () => {
    const gone = nthArea(areas, pick(areaCount(areas)));
    if (gone) areas = removeArea(areas, gone.iova);
    areas = putAuto(areas, BigInt(1 + pick(16)) * PAGE, BigInt(pick(16)) * PAGE);
  };
  measure('unmap any, map automatic 1 to 16 pages, in turn', 2, churn);
  measure('the same, a second million', 2, churn);
  measure('unmap any', 1, () => {
    const gone = nthArea(areas, pick(areaCount(areas)));
    if (gone) areas = removeArea(areas, gone.iova);
  });
}

/** The worst case for first fit: every hole is long enough, none is aligned, so each is looked at. */
function misalignedHoles(): void {
  let areas = EMPTY_AREAS;
  for (let n = 0; n < AREAS; n++) areas = putArea(areas, areaOf((4n * BigInt(n) + 3n) * PAGE, 2n * PAGE));
  const start = performance.now();
  putAuto(areas, 2n * PAGE, 0n);
  const ms = performance.now() - start;
  console.log(`map automatic past ${AREAS} misaligned holes (no limit)`.padEnd(52), `${ms.toFixed(2)} ms`);
}

fixedAreas();
automaticAreas();
misalignedHoles();
