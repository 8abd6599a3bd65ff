/** Where in an object a field stands, and what the API says is wrong there. */

import { createContext, useContext, useEffect } from 'react';
import type { Problem } from '@/api/problem';
import type { Json } from './json';
import { labelOf, type Schema, type Schemas } from './schema';

export interface Widget {
  value: Json | undefined;
  onChange: (value: Json | undefined) => void;
  pointer: string;
}

export interface FormContext {
  schemas: Schemas;
  /** What is wrong, by JSON pointer. */
  faults: Record<string, string>;
  /** Notes that a field says what is wrong at a place, until what it gives is called. */
  note?: (place: string) => () => void;
  /** Fields of their own for some pointers, in place of what the schema makes. */
  widgets: Record<string, (widget: Widget) => React.ReactNode>;
}

export const Form = createContext<FormContext>({ schemas: {}, faults: {}, widgets: {} });

export interface FieldProps extends Widget {
  name: string;
  schema: Schema;
  isRequired?: boolean;
}

export function pointerTo(parent: string, member: string | number): string {
  return `${parent}/${String(member).replaceAll('~', '~0').replaceAll('/', '~1')}`;
}

export function faultsOf(problem: Problem | null): Record<string, string> {
  return Object.fromEntries((problem?.faults ?? []).map((fault) => [fault.pointer, fault.message]));
}

/** What is wrong with a field; with `isWhole` also what is wrong below it, for fields that show all of it as one. */
export function useFault(pointer: string, isWhole = false): string | undefined {
  const { faults, note } = useContext(Form);
  const place = isWhole ? `${pointer}/*` : pointer;
  useEffect(() => note?.(place), [note, place]);
  const below = isWhole ? Object.keys(faults).find((other) => other.startsWith(`${pointer}/`)) : undefined;
  return faults[pointer] ?? (below === undefined ? undefined : faults[below]);
}

/** The places at which fields say what is wrong. */
export class Places {
  private readonly counts = new Map<string, number>();

  readonly note = (place: string): (() => void) => {
    this.counts.set(place, (this.counts.get(place) ?? 0) + 1);
    return () => {
      this.counts.set(place, (this.counts.get(place) ?? 1) - 1);
    };
  };

  /** Whether a field says what is wrong there. */
  has(pointer: string): boolean {
    const parts = pointer.split('/');
    const above = parts.map((_, length) => `${parts.slice(0, length + 1).join('/')}/*`);
    return [pointer, ...above].some((place) => (this.counts.get(place) ?? 0) > 0);
  }
}

/** `/limits/0/rate` in words: Limits 1, Rate. */
export function placeInWords(pointer: string): string {
  const words: string[] = [];
  for (const part of pointer.split('/').slice(1)) {
    const name = part.replaceAll('~1', '/').replaceAll('~0', '~');
    const last = words.length - 1;
    if (/^\d+$/.test(name) && last >= 0) words[last] = `${words[last] ?? ''} ${Number(name) + 1}`;
    else words.push(labelOf(name));
  }
  return words.join(', ');
}

/** Whether something is wrong at this place or below it. */
export function hasFault(faults: Record<string, string>, pointer: string): boolean {
  return Object.keys(faults).some((other) => other === pointer || other.startsWith(`${pointer}/`));
}
