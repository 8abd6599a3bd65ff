/** What is different between two values, line by line as a document writes them. */

import { isMembers, renderYaml, type Json } from '@/form/json';

export interface DiffLine {
  /** `cut` stands for lines that are the same in both, and aren't shown. */
  kind: 'same' | 'gone' | 'new' | 'cut';
  text: string;
}

/** Above this many comparisons, all lines are other ones: what is so large isn't read line by line. */
const MOST_COMPARED = 4_000_000;

export function linesOf(value: unknown): string[] {
  if (value === null || value === undefined) return [];
  if (!isMembers(value) && !Array.isArray(value)) return [renderYaml(value as Json).trim()];
  const text = renderYaml(value as Json).replace(/^\n/, '').trimEnd();
  return text.split('\n');
}

export function diffOf(before: unknown, after: unknown): DiffLine[] {
  return fold(diffLines(linesOf(before), linesOf(after)));
}

/** The shortest way from one to the other, by their longest common subsequence. */
export function diffLines(before: string[], after: string[]): DiffLine[] {
  let start = 0;
  while (start < before.length && start < after.length && before[start] === after[start]) start++;
  let end = 0;
  while (
    end < before.length - start &&
    end < after.length - start &&
    before[before.length - 1 - end] === after[after.length - 1 - end]
  ) {
    end++;
  }
  return [
    ...before.slice(0, start).map(same),
    ...compare(before.slice(start, before.length - end), after.slice(start, after.length - end)),
    ...before.slice(before.length - end).map(same),
  ];
}

function compare(before: string[], after: string[]): DiffLine[] {
  if (before.length * after.length > MOST_COMPARED) return [...before.map(gone), ...after.map(added)];
  const width = after.length + 1;
  const lengths = new Uint32Array((before.length + 1) * width);
  const common = (row: number, column: number): number => lengths[row * width + column] ?? 0;
  for (let row = before.length - 1; row >= 0; row--) {
    for (let column = after.length - 1; column >= 0; column--) {
      lengths[row * width + column] =
        before[row] === after[column]
          ? common(row + 1, column + 1) + 1
          : Math.max(common(row + 1, column), common(row, column + 1));
    }
  }
  const found: DiffLine[] = [];
  let [row, column] = [0, 0];
  while (row < before.length || column < after.length) {
    const [was, is] = [before[row], after[column]];
    if (was !== undefined && was === is) {
      found.push(same(was));
      row++;
      column++;
    } else if (was !== undefined && (is === undefined || common(row + 1, column) >= common(row, column + 1))) {
      found.push(gone(was));
      row++;
    } else {
      found.push(added(is ?? ''));
      column++;
    }
  }
  return found;
}

/** Leaves out what is the same, but for a few lines around what isn't. */
export function fold(lines: DiffLine[], around = 3): DiffLine[] {
  const isNear = lines.map(() => false);
  lines.forEach((line, number) => {
    if (line.kind === 'same') return;
    for (let near = Math.max(0, number - around); near <= Math.min(lines.length - 1, number + around); near++) isNear[near] = true;
  });
  const found: DiffLine[] = [];
  let left: DiffLine[] = [];
  const cut = (): void => {
    if (left.length > 1) found.push({ kind: 'cut', text: `${left.length} lines as before` });
    else found.push(...left);
    left = [];
  };
  lines.forEach((line, number) => {
    if (isNear[number] === true) {
      cut();
      found.push(line);
    } else left.push(line);
  });
  cut();
  return found;
}

const same = (text: string): DiffLine => ({ kind: 'same', text });
const gone = (text: string): DiffLine => ({ kind: 'gone', text });
const added = (text: string): DiffLine => ({ kind: 'new', text });
