/** Options that several verbs share, and how their values are read. */
import { InvalidArgumentError, Option } from 'commander';
import { kernelProfiles } from '../machines/kernel-profile.ts';
import { TEXT_FORMATS } from '../traces/import/recognise.ts';
import { IOMMU_NAMES } from '../traces/platform-of.ts';

/** A whole number from `least` on, of at most 2^53. */
export function wholeNumber(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= least) return value;
    throw new InvalidArgumentError(`expected a whole number from ${least} on.`);
  };
}

/** What traces can be, in the words of a help. */
export const TRACES = 'recordings or captures, folders of recordings, or - for standard input';
export const ONE_TRACE = 'a recording or capture, or - for standard input';

/** What most verbs mean by it; the others say so. */
const KERNEL_WORDS = 'take the trace for one of this kernel, whatever it says';
const IOMMU_WORDS = 'take the trace for one of this IOMMU, whatever it says';
const JOBS_WORDS = 'replay so many files at a time; the report stays the same';

export function kernelOption(words = KERNEL_WORDS): Option {
  const option = new Option('--kernel <release>', words);
  return option.choices([...kernelProfiles.keys()]);
}

export function iommuOption(words = IOMMU_WORDS): Option {
  const option = new Option('--iommu <name>', words);
  return option.choices([...new Set(IOMMU_NAMES.values())]);
}

export function formatOption(): Option {
  const option = new Option('--format <name>', 'take texts for this format, whatever they look like');
  return option.choices([...TEXT_FORMATS]);
}

export function untilOption(): Option {
  return new Option('--until <seq>', 'stop after the line with this sequence number').argParser(
    wholeNumber(0),
  );
}

export function jobsOption(words = JOBS_WORDS): Option {
  const option = new Option('--jobs <n>', words);
  return option.argParser(wholeNumber(1)).default(1);
}

export function jsonOption(): Option {
  return new Option('--json', 'print one JSON object');
}

/** A sequence number given as an argument. */
export const sequenceNumber = wholeNumber(0);
