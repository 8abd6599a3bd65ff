/** Where in an object a field stands, and what the API says is wrong there. */

import { createContext, useContext } from 'react';
import type { Problem } from '@/api/problem';
import type { Json } from './json';
import type { Schema, Schemas } from './schema';

export interface Widget {
  value: Json | undefined;
  onChange: (value: Json | undefined) => void;
  pointer: string;
}

export interface FormContext {
  schemas: Schemas;
  /** What is wrong, by JSON pointer. */
  faults: Record<string, string>;
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

export function useFault(pointer: string): string | undefined {
  return useContext(Form).faults[pointer];
}

/** Whether something is wrong at this place or below it. */
export function hasFault(faults: Record<string, string>, pointer: string): boolean {
  return Object.keys(faults).some((other) => other === pointer || other.startsWith(`${pointer}/`));
}
