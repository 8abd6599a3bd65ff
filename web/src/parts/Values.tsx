/** Values as they are shown everywhere: times, statuses, states, code, sources. */

import { ActionIcon, CopyButton, Tooltip } from '@mantine/core';
import { useEffect, useState, type ReactNode } from 'react';
import { ago, moment, moneyOf, shortName, wholeMoment } from './format';
import { Icon } from './Icon';

export type Tone = 'good' | 'note' | 'warn' | 'bad' | 'quiet';

/** A time of day; the whole of it where one points at it. */
export function Moment({ at }: { at: string }) {
  return (
    <time dateTime={at} title={`${wholeMoment(at)}\n${at}`}>
      {moment(at)}
    </time>
  );
}

/** How long ago something was, or when it will be. */
export function Ago({ at }: { at: string | null }) {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 5_000);
    return () => clearInterval(timer);
  }, []);
  if (at === null) return <span className="dim">never</span>;
  return (
    <time dateTime={at} title={`${wholeMoment(at)}\n${at}`}>
      {ago(at, now)}
    </time>
  );
}

export function Badge({ tone = 'quiet', children, title }: { tone?: Tone; children: ReactNode; title?: string }) {
  return (
    <span className="badge" data-tone={tone} title={title}>
      {children}
    </span>
  );
}

export function toneOfStatus(status: number): Tone {
  if (status >= 500) return 'bad';
  if (status >= 400) return 'warn';
  if (status >= 300) return 'note';
  return status >= 200 ? 'good' : 'quiet';
}

/** An HTTP status; 0 where nothing was answered. */
export function StatusCode({ status, failed = false }: { status: number; failed?: boolean }) {
  return (
    <span className="status" data-tone={failed ? 'bad' : toneOfStatus(status)}>
      {status === 0 ? '–' : status}
    </span>
  );
}

/** What something cost, one line for each currency. */
export function Money({ of }: { of: Record<string, string> }) {
  const lines = moneyOf(of);
  if (lines.length < 2) return lines[0] ?? '–';
  return (
    <span className="money">
      {lines.map((line) => (
        <span key={line} className="block">
          {line}
        </span>
      ))}
    </span>
  );
}

/** A name with its middle left out where it is longer than there is room for; the whole where one points at it. */
export function ShortName({ of, most = 22 }: { of: string; most?: number }) {
  const shown = shortName(of, most);
  return <span title={shown === of ? undefined : of}>{shown}</span>;
}

export function Copy({ text, label = 'Copy' }: { text: string; label?: string }) {
  return (
    <CopyButton value={text} timeout={1500}>
      {({ copied, copy }) => (
        <Tooltip label={copied ? 'Copied' : label}>
          <ActionIcon size="sm" aria-label={copied ? 'Copied' : label} onClick={copy}>
            <Icon name={copied ? 'done' : 'copy'} size={14} />
          </ActionIcon>
        </Tooltip>
      )}
    </CopyButton>
  );
}

/** Lines to read and copy: JSON, a command. */
export function Code({ text, label }: { text: string; label: string }) {
  return (
    <div className="code">
      <pre tabIndex={0} aria-label={label}>
        {text}
      </pre>
      <Copy text={text} />
    </div>
  );
}

/** Where a read-only object is written; nothing for what can be changed here. */
export function Source({ object }: { object: { read_only: boolean; source: string } }) {
  if (!object.read_only) return null;
  return (
    <Badge title="It can only be changed where it is written.">
      <Icon name="lock" size={12} /> {object.source}
    </Badge>
  );
}

/** A share of something as a bar: 0 to 1. */
export function Share({ ratio, tone = 'quiet', label }: { ratio: number; tone?: Tone; label: string }) {
  const width = Math.max(0, Math.min(1, ratio)) * 100;
  return (
    <span className="share" role="img" aria-label={label} data-tone={tone}>
      <span style={{ width: `${width}%` }} />
    </span>
  );
}
