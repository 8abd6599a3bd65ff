/** What would happen to a call, phase by phase, and why. */

import { Link } from 'wouter';
import { useLimits } from '@/api/queries';
import { Icon, type IconName } from '@/parts/Icon';
import { Panel } from '@/parts/Page';
import { Code, StatusCode, type Tone } from '@/parts/Values';
import { appliesTo } from '../exchanges/advice';
import { allowanceOf, ownerOf } from '../overview/limit';
import type { Explanation } from './call';

type Phase = Explanation['phases'][number];

const OUTCOMES: Record<Phase['outcome'], [Tone, IconName, string]> = {
  ok: ['good', 'done', 'as it should be'],
  report: ['warn', 'warn', 'only reported'],
  refused: ['bad', 'close', 'refused'],
  unknown: ['quiet', 'more', 'not known'],
};

export function Explained({ of, upstream }: { of: Explanation; upstream: string | null }) {
  return (
    <div className="stack">
      <Panel title="What would happen" side={of.consumer !== null && <span className="dim">called by {of.consumer}</span>}>
        <div className="stack tight">
          <Verdict of={of} />
          {of.allowed && <Exhausted consumer={of.consumer} upstream={upstream} />}
          <ol className="phases">
            {of.phases.map((phase) => (
              <Step key={phase.number} of={phase} />
            ))}
          </ol>
        </div>
      </Panel>
      {of.leaves.length > 0 && (
        <Panel title="What would leave">
          <Code label="The request that would leave" text={of.leaves.join('\n')} />
          <p className="dim small gap-above">Without its credential, which is put in last.</p>
        </Panel>
      )}
    </div>
  );
}

function Verdict({ of: { allowed, status, code, detail, hint } }: { of: Explanation }) {
  if (allowed) {
    return (
      <div className="notice" data-tone="good">
        <Icon name="done" />
        <div>
          <b>The rules allow it.</b> What is left of limits isn’t looked at. Nothing was sent.
        </div>
      </div>
    );
  }
  return (
    <div className="notice" data-tone="bad">
      <Icon name="warn" />
      <div>
        <b>
          It would be refused{status !== null && <> with <StatusCode status={status} failed /></>}
          {code !== null && <> <code>{code}</code></>}
        </b>
        {detail !== null && <div>{detail}</div>}
        {hint !== null && <div className="dim">{hint}</div>}
      </div>
    </div>
  );
}

/** Limits of the consumer and the upstream of which nothing is left: they would refuse it now. */
function Exhausted({ consumer, upstream }: { consumer: string | null; upstream: string | null }) {
  const limits = useLimits();
  const found = (limits.data?.items ?? []).filter(
    (limit) => limit.left_ratio === 0 && limit.mode === 'enforce' && !limit.soft && appliesTo(limit, { consumer, upstream, key: null }),
  );
  if (found.length === 0) return null;
  return (
    <div className="notice" data-tone="warn">
      <Icon name="warn" />
      <div>
        Nothing is left now of:
        <ul>
          {found.map((limit) => (
            <li key={limit.id}>
              <Link href={`/limits?limit=${encodeURIComponent(limit.id)}`}>
                {ownerOf(limit)}, {allowanceOf(limit)}
              </Link>
            </li>
          ))}
        </ul>
      </div>
    </div>
  );
}

function Step({ of: { name, outcome, lines } }: { of: Phase }) {
  const [tone, icon, word] = OUTCOMES[outcome];
  return (
    <li data-tone={tone}>
      <Icon name={icon} size={14} />
      <span>
        <b className="strong">{name}</b>
        <span className="unseen">: {word}</span>
      </span>
      <div>
        {lines.map((line) => (
          <p key={line}>{line}</p>
        ))}
      </div>
    </li>
  );
}
