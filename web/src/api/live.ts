/** Following the gateway as it happens: GET /live, as server-sent events. */

import { useEffect, useRef, useState } from 'react';
import { useQueryClient } from '@tanstack/react-query';
import { PREFIX, type Schemas } from './client';
import type { Exchange } from './exchange';
import { SESSION } from './session';

export type Tick = Schemas['Tick'];
export type LiveState = 'off' | 'connecting' | 'live' | 'broken';

interface Wanted {
  /** The filters, as GET /live takes them; null to follow nothing. */
  search: string | null;
  onTick?: (tick: Tick) => void;
  /** Several at once: what has come since the last call, oldest first. */
  onRecords?: (records: Exchange[]) => void;
}

const FLUSH_MS = 250;

/** Follow while the component is there. Records are handed over four times a second, however many come. */
export function useLive({ search, onTick, onRecords }: Wanted): LiveState {
  const [state, setState] = useState<'connecting' | 'live' | 'broken'>('connecting');
  const client = useQueryClient();
  const handlers = useRef({ onTick, onRecords });
  useEffect(() => {
    handlers.current = { onTick, onRecords };
  });
  useEffect(() => {
    if (search === null) return;
    let waiting: Exchange[] = [];
    const source = new EventSource(`${PREFIX}/live${search === '' ? '' : `?${search}`}`);
    const flush = setInterval(() => {
      if (waiting.length === 0) return;
      handlers.current.onRecords?.(waiting);
      waiting = [];
    }, FLUSH_MS);
    source.addEventListener('tick', (event: MessageEvent<string>) => {
      setState('live');
      handlers.current.onTick?.(JSON.parse(event.data) as Tick);
    });
    source.addEventListener('record', (event: MessageEvent<string>) => {
      waiting.push(JSON.parse(event.data) as Exchange);
    });
    source.addEventListener('end', () => {
      setState('broken');
    });
    source.addEventListener('error', () => {
      setState('broken');
      // A refusal ends it for good: whether that is because the session has ended, the session's query finds out.
      if (source.readyState === EventSource.CLOSED) void client.invalidateQueries({ queryKey: SESSION });
    });
    return () => {
      clearInterval(flush);
      source.close();
      setState('connecting');
    };
  }, [search, client]);
  return search === null ? 'off' : state;
}
