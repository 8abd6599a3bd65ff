/** Unsaved changes: whoever is about to leave them is asked first, whichever way they go. */

import { useEffect, useSyncExternalStore } from 'react';
import type { AroundNavHandler } from 'wouter';
import { navigate as navigateNow } from 'wouter/use-browser-location';

type Go = () => void;

/** The forms with something that isn't saved. */
let unsaved = 0;
/** Where the first of them stands. */
let place = '';
/** The way that waits for an answer. */
let waiting: Go | null = null;
const listeners = new Set<() => void>();

/** Goes there, at once where nothing is lost by it. */
export function leave(go: Go): void {
  if (unsaved === 0) go();
  else setWaiting(go);
}

/** Every way within the dashboard: links, keys of the keyboard, what is chosen on a page. */
export const askFirst: AroundNavHandler = (navigate, to, options) => leave(() => navigate(to, options));

/** The answer of whoever was asked. */
export function answer(isLeaving: boolean): void {
  const go = waiting;
  setWaiting(null);
  if (isLeaving) go?.();
}

function setWaiting(go: Go | null): void {
  waiting = go;
  for (const listen of listeners) listen();
}

export function useIsAsked(): boolean {
  return useSyncExternalStore(
    (listen) => {
      listeners.add(listen);
      return () => listeners.delete(listen);
    },
    () => waiting !== null,
  );
}

/** Has whoever leaves asked, as long as there is something unsaved. */
export function useUnsaved(isDirty: boolean): void {
  useEffect(() => {
    if (!isDirty) return;
    const warn = (event: BeforeUnloadEvent): void => event.preventDefault();
    window.addEventListener('beforeunload', warn);
    if (unsaved === 0) place = window.location.href;
    unsaved += 1;
    return () => {
      unsaved -= 1;
      window.removeEventListener('beforeunload', warn);
    };
  }, [isDirty]);
}

// The browser's own way back can't be stopped, but taken back, before the router hears of it.
window.addEventListener(
  'popstate',
  (event) => {
    if (unsaved === 0) return;
    const wanted = window.location.href;
    event.stopImmediatePropagation();
    window.history.pushState(null, '', place);
    setWaiting(() => navigateNow(wanted));
  },
  { capture: true },
);
