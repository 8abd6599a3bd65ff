/** The keyboard: `/` searches, `g` and a letter goes to a page, `?` shows the keys, `Escape` closes. */

import { useEffect, useRef } from 'react';

/** The id of the field that `/` leads to, where a page has one. */
export const SEARCH_FIELD = 'search';

export type Stroke =
  | { kind: 'go'; letter: string }
  | { kind: 'search' }
  | { kind: 'help' }
  | { kind: 'wait' }
  | { kind: 'none' };

export interface Key {
  key: string;
  ctrlKey: boolean;
  metaKey: boolean;
  altKey: boolean;
}

/** What a key means; `waits` says that a `g` came before it. Keys with Ctrl, Alt or Meta are the browser's. */
export function judge(key: Key, waits: boolean): Stroke {
  if (key.ctrlKey || key.metaKey || key.altKey) return { kind: 'none' };
  if (waits) return /^[a-z]$/.test(key.key) ? { kind: 'go', letter: key.key } : { kind: 'none' };
  switch (key.key) {
    case 'g':
      return { kind: 'wait' };
    case '/':
      return { kind: 'search' };
    case '?':
      return { kind: 'help' };
    default:
      return { kind: 'none' };
  }
}

/** Whether keys are text where this is. */
export function isTyped(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || ['INPUT', 'TEXTAREA', 'SELECT'].includes(target.tagName);
}

const PATIENCE_MS = 1200;

/** Calls `act` for every stroke that means something. */
export function useKeyboard(act: (stroke: Stroke) => void): void {
  const latest = useRef(act);
  useEffect(() => {
    latest.current = act;
  }, [act]);
  useEffect(() => {
    let waitsUntil = 0;
    const listen = (event: KeyboardEvent): void => {
      if (event.defaultPrevented || isTyped(event.target) || document.querySelector('[role="dialog"]') !== null) return;
      const stroke = judge(event, Date.now() < waitsUntil);
      waitsUntil = stroke.kind === 'wait' ? Date.now() + PATIENCE_MS : 0;
      if (stroke.kind === 'none' || stroke.kind === 'wait') return;
      event.preventDefault();
      latest.current(stroke);
    };
    window.addEventListener('keydown', listen);
    return () => window.removeEventListener('keydown', listen);
  }, []);
}
