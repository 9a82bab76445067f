/** Questions of a scenario about a state, answered in words that can be compared between proposals. */
import { type DmaOutcome, dmaOutcome, translates } from './design-hardware.ts';
import type { DesignState } from './design-state.ts';
import type { Design } from './model-of.ts';
import { nameIn, type Question, type Scenario } from './scenario.ts';
import { traitsOf } from './setup.ts';

/** The answer to a question in this state. */
export function answerQuestion(
  scenario: Scenario,
  design: Design,
  state: DesignState,
  question: Question,
): string {
  switch (question.asks) {
    case 'dma': {
      const { device, pasid, page } = question;
      return outcomeText(scenario, whereDmaEnds(design, state, device, pasid, page));
    }
    case 'told': {
      const report = design.proposal.report?.(state, question.device, design.ground);
      if (report === undefined) return 'nothing';
      const iommu =
        report.iommuPasid === undefined ? '' : ` (of the IOMMU: ${report.iommuPasid ? 'yes' : 'no'})`;
      return `PASIDs ${report.pasid ? 'yes' : 'no'}${iommu}`;
    }
    case 'bus':
      return busText(scenario, design, state, question.device, question.pasid);
    case 'charged':
      return timesText(state.charges.get(question.page));
    case 'blamed': {
      const source = state.blamed.get(question.device);
      return source === undefined ? 'nobody' : nameIn(scenario, 'device', source);
    }
    case 'waiting':
      return state.fault.get(question.device) === 'none' ? 'no' : 'yes';
    case 'cached':
      return isCached(design, state, question.device, question.page) ? 'yes' : 'no';
    case 'damage':
      return damageText(state);
  }
}

function busText(
  scenario: Scenario,
  { ground }: Design,
  state: DesignState,
  device: number,
  pasid: number,
): string {
  const wire = state.wire.get(device, pasid);
  if (wire === undefined) return 'none';
  return traitsOf(ground, device).kind === 'mdev' ? nameIn(scenario, 'wire', wire) : 'the same';
}

function isCached({ ground }: Design, state: DesignState, device: number, page: number): boolean {
  const { rid } = traitsOf(ground, device);
  const space = state.route.get(rid);
  return state.atc.has(rid, page) || (space !== undefined && state.iotlb.has(space, page));
}

function timesText(times: number): string {
  if (times === 0) return 'not';
  return times === 1 ? 'once' : `${times} times`;
}

function damageText(state: DesignState): string {
  const found = [
    ...(state.crashed.get() ? ['the kernel crashed'] : []),
    ...(state.stray.get() ? ['an answer completed another fault'] : []),
    ...(state.misdelivered.get() ? ['a submission arrived elsewhere'] : []),
  ];
  return found.length === 0 ? 'none' : found.join(', ');
}

/** DMA of a device by the number that its user says; mediated devices send another. */
function whereDmaEnds(
  { ground }: Design,
  state: DesignState,
  device: number,
  pasid: number | undefined,
  page: number,
): DmaOutcome {
  const { kind, rid } = traitsOf(ground, device);
  if (kind === 'swmdev') return softwareOutcome(state, device, page);
  if (kind !== 'mdev') return dmaOutcome(state, rid, pasid, page);
  const wire = pasid === undefined ? state.defPasid.get(device) : state.wire.get(device, pasid);
  if (wire === undefined) return { reaches: 'nothing', why: 'no entry' };
  return dmaOutcome(state, rid, wire, page);
}

/** The driver of a software-mediated device looks its addresses up in the space that it is attached to. */
function softwareOutcome(state: DesignState, device: number, page: number): DmaOutcome {
  const space = state.attached.get(device);
  if (space === undefined) return { reaches: 'nothing', why: 'blocked' };
  return translates(state, space, page)
    ? { reaches: 'memory', space }
    : { reaches: 'nothing', why: 'not mapped' };
}

function outcomeText(scenario: Scenario, outcome: DmaOutcome): string {
  switch (outcome.reaches) {
    case 'memory':
      return `memory through ${nameIn(scenario, 'space', outcome.space)}`;
    case 'host':
      return 'host memory, untranslated';
    case 'nothing':
      return `nothing: ${outcome.why}`;
  }
}
