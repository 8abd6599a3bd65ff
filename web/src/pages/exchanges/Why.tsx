/** Why an exchange ended as it did, and what to do about it. */

import { Link } from 'wouter';
import type { Exchange } from '@/api/exchange';
import { useErrorPage } from '@/api/queries';
import { exchangesWith } from '@/parts/address';
import { Icon } from '@/parts/Icon';
import { Advice } from './Advice';

export function Why({ exchange }: { exchange: Exchange }) {
  const { error, outcome, decision, reason, status, upstream, attempts } = exchange;
  if (error !== null) return <OfGateway exchange={exchange} code={error} />;
  if (outcome === 'interrupted') {
    return (
      <Said tone="bad" title="The process ended in the middle of this exchange">
        That it began was put down before it was sent; nobody knows how far it came.
      </Said>
    );
  }
  if (decision === 'report') {
    return (
      <Said tone="warn" title="It passed, but would be refused">
        {reason ?? 'A rule in report mode doesn’t allow it.'}
      </Said>
    );
  }
  if (status >= 400) {
    return (
      <Said tone={status >= 500 ? 'bad' : 'warn'} title={`${upstream ?? 'The destination'} answered ${status}`}>
        The answer was passed on as it came{attempts.length > 1 && `, after ${attempts.length} attempts`}. What it means, is
        in its body, or in the documentation of that API.{' '}
        {upstream !== null && <Link href={exchangesWith({ upstream, status })}>Others like it</Link>}
      </Said>
    );
  }
  return null;
}

function OfGateway({ exchange, code }: { exchange: Exchange; code: string }) {
  const page = useErrorPage(code);
  const { reason, outcome } = exchange;
  return (
    <Said tone={outcome === 'refused' ? 'warn' : 'bad'} title={page.data?.title ?? code}>
      {reason !== null && <p>{reason}</p>}
      {page.data !== undefined && (
        <>
          <p>{page.data.explanation}</p>
          <Advice exchange={exchange} />
          <p>
            <b>What the caller can do:</b> {page.data.hint}
          </p>
        </>
      )}
      <p className="small">
        <code>{code}</code> · <Link href={exchangesWith({ error: code })}>others like it</Link>
      </p>
    </Said>
  );
}

function Said({ tone, title, children }: { tone: string; title: string; children: React.ReactNode }) {
  return (
    <div className="notice why" data-tone={tone}>
      <Icon name="warn" />
      <div>
        <h2>{title}</h2>
        {children}
      </div>
    </div>
  );
}
