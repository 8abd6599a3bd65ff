/** One limit: what it allows, how much of that is left, when it is whole again; a budget can be raised. */

import { Button } from '@mantine/core';
import { useState, type ReactNode } from 'react';
import { Link } from 'wouter';
import { useMay } from '@/api/session';
import { count, money, moment, percent } from '@/parts/format';
import { Ago, Badge, Share } from '@/parts/Values';
import { allowanceOf, toneOfLeft } from '../overview/limit';
import { exchangesOf, leftOf, type Limit } from './limit';
import { Raise } from './Raise';
import type { Written } from './useWritten';

interface Props {
  limit: Limit;
  written: Written;
  isMarked?: boolean;
  /** Whose it is, where that isn't told above it. */
  of?: ReactNode;
}

export function LimitRow({ limit, written, isMarked = false, of }: Props) {
  const [isRaising, setRaising] = useState(false);
  const mayWrite = useMay('operator');
  const used = limit.left_ratio === null ? null : 1 - limit.left_ratio;
  return (
    <li className="limit" data-marked={isMarked || undefined} ref={isMarked ? intoView : undefined}>
      <div className="limit-name">
        {of !== undefined && <span className="small block">{of}</span>}
        <span className="row">
          <b className="strong">{allowanceOf(limit)}</b>
          {limit.mode === 'report' && <Badge title="What is beyond it passes, and is recorded.">report only</Badge>}
          {limit.soft && <Badge title="Calls pass beyond it; what is spent is counted.">soft</Badge>}
          {limit.increase !== null && (
            <Badge tone="note" title={`${money(limit.increase.amount, limit.currency)} until ${moment(limit.increase.until)}`}>
              raised, ends <Ago at={limit.increase.until} />
            </Badge>
          )}
        </span>
        <span className="dim small">
          {limit.kind} <code>{limit.name}</code>
          {limit.per !== null && ` for each ${perOf(limit.per)}`}
          {limit.kind === 'rate' && limit.burst !== null && limit.burst !== limit.amount && `, ${count(limit.burst)} at once`}
        </span>
      </div>
      <div className="limit-left">
        {used === null ? (
          <span className="dim small">{limit.per === null ? 'not counted yet' : `counted for each ${perOf(limit.per)} apart`}</span>
        ) : (
          <>
            <Share ratio={used} tone={toneOfLeft(limit)} label={`${percent(used)} used`} />
            <span className="row small">
              <Link href={exchangesOf(limit)} className="row-link number" title="The exchanges that it counts">
                {leftOf(limit)} left
              </Link>
              <span className="grow" />
              {limit.resets_at !== null && (
                <span className="dim nowrap">
                  whole again <Ago at={limit.resets_at} />
                </span>
              )}
            </span>
          </>
        )}
      </div>
      <div className="limit-act">
        {limit.kind === 'budget' && (
          <Button
            variant="default"
            size="compact-xs"
            disabled={written.fixed !== null || !mayWrite}
            title={written.fixed ?? (mayWrite ? undefined : 'For operators')}
            onClick={() => setRaising(true)}
          >
            {limit.increase === null ? 'Raise temporarily' : 'Change'}
          </Button>
        )}
      </div>
      {isRaising && <Raise limit={limit} revision={written.revision} onClose={() => setRaising(false)} />}
    </li>
  );
}

/** `header:X-Tenant` in words. */
function perOf(per: string): string {
  return per === 'ip' ? 'address' : per.replace('header:', 'value of ');
}

function intoView(element: HTMLElement | null): void {
  element?.scrollIntoView({ block: 'center' });
}
