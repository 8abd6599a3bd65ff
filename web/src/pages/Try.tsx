/** Trying a call: composed here, explained or sent, with what comes of it beside. */

import { useMutation } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { useSearchParams } from 'wouter';
import { useMay } from '@/api/session';
import { PageHead, Panel } from '@/parts/Page';
import { Empty, Failed, Loading } from '@/parts/States';
import { Answer } from './try/Answer';
import { begin, explain, send, type Came, type Trial } from './try/call';
import { Compose } from './try/Compose';
import { Explained } from './try/Explained';
import './set.css';
import './keep.css';

interface Asked {
  trial: Trial;
  isSent: boolean;
}

export default function Try() {
  const [search] = useSearchParams();
  const mayCall = useMay('operator');
  const [trial, setTrial] = useState<Trial>(() => begin(search, mayCall));
  const run = useMutation({
    mutationFn: async ({ trial: asked, isSent }: Asked): Promise<Came> => (isSent ? send(asked) : explain(asked)),
    gcTime: 0, // it holds the key
  });
  const came = useRef<HTMLDivElement>(null);
  useEffect(() => {
    // Where there is room for one column only, what has come is out of sight.
    if (run.isIdle || came.current === null) return;
    if (came.current.getBoundingClientRect().top > window.innerHeight * 0.6) came.current.scrollIntoView({ block: 'start' });
  }, [run.isIdle, run.submittedAt]);
  return (
    <>
      <PageHead title="Try it" note="A call as a consumer would make it, by the same rules, limits and records." />
      <div className="trial">
        <Compose
          trial={trial}
          onChange={setTrial}
          mayCall={mayCall}
          pending={run.isPending ? (run.variables.isSent ? 'send' : 'explain') : null}
          onExplain={() => run.mutate({ trial, isSent: false })}
          onSend={() => run.mutate({ trial, isSent: true })}
        />
        <div ref={came} className="stack trial-came" aria-live="polite">
          {run.isPending ? (
            <Panel title={run.variables.isSent ? 'Answer' : 'Explanation'}>
              <Loading rows={5} />
            </Panel>
          ) : run.isError ? (
            <Panel title="It wasn’t tried">
              <Failed error={run.error} />
            </Panel>
          ) : run.data === undefined ? (
            <Panel title="Answer">
              <Empty title="Nothing has been tried yet">
                <b>Explain</b> says what would happen to the call, phase by phase, and sends nothing. <b>Send</b> makes the call:
                it is recorded, and counts against limits.
              </Empty>
            </Panel>
          ) : run.data.explanation !== null ? (
            <Explained of={run.data.explanation} upstream={run.variables.trial.to === 'upstream' ? run.variables.trial.upstream : null} />
          ) : (
            <Answer of={run.data} />
          )}
        </div>
      </div>
    </>
  );
}
