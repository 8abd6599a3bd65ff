/** One exchange from end to end: what came of it and why, where its time went, and its place in the audit trail. */

import { Button, CopyButton } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from 'wouter';
import { api, ask } from '@/api/client';
import { isExchange, type AnyRecord, type Exchange } from '@/api/exchange';
import { exchangesWith } from '@/parts/address';
import { bytes, duration, money } from '@/parts/format';
import { Icon } from '@/parts/Icon';
import { Facts, PageHead, Panel } from '@/parts/Page';
import { Query } from '@/parts/States';
import { Code, Copy, Moment, StatusCode } from '@/parts/Values';
import { asCurl, leftOut } from './curl';
import { Decisions } from './Decisions';
import { useGateway } from './gateway';
import { Proof } from './Proof';
import { Timeline } from './Timeline';
import { Why } from './Why';

export function One({ id }: { id: string }) {
  const record = useQuery({
    queryKey: ['record', id],
    queryFn: () => ask(api.GET('/api/v1/records/{id}', { params: { path: { id } } })),
    staleTime: Infinity,
  });
  return (
    <>
      <p className="crumbs small">
        <Link href="/exchanges">Exchanges</Link> <span className="dim">/</span> <code className="cut">{id}</code> <Copy text={id} label="Copy the id" />
      </p>
      <Query of={record} rows={10} isPage>
        {(data) => {
          const found = data as AnyRecord;
          return isExchange(found) ? <Shown exchange={found} /> : <OtherRecord record={found} />;
        }}
      </Query>
    </>
  );
}

function Shown({ exchange }: { exchange: Exchange }) {
  const gateway = useGateway();
  return (
    <>
      <PageHead
        title={
          <span className="one-title">
            <StatusCode status={exchange.status} failed={exchange.error !== null} />
            <span className="mono">
              {exchange.method ?? '–'} <b>{exchange.upstream ?? exchange.origin}</b>
              {exchange.path}
              {exchange.query !== null && <span className="dim">?{exchange.query}</span>}
            </span>
          </span>
        }
      >
        <CurlButton text={asCurl(exchange, gateway)} />
      </PageHead>
      <div className="stack">
        <Why exchange={exchange} />
        <div className="panels">
          <div className="two-thirds stack">
            <Panel title="Where its time went" side={<Took exchange={exchange} />}>
              <Timeline exchange={exchange} />
            </Panel>
            <Panel title="How it was decided">
              <Decisions exchange={exchange} />
            </Panel>
          </div>
          <Panel className="third" title="What is known">
            <Facts of={factsOf(exchange)} />
          </Panel>
          <Panel className="half" title="Its place in the audit trail">
            <Proof id={exchange.id} />
          </Panel>
          <Panel className="half" title="Call it again">
            <Code label="The call as a curl command" text={asCurl(exchange, gateway)} />
            <p className="dim small gap-above">
              With a key in <code>EXEAT_KEY</code>. The record doesn’t hold {leftOut(exchange)}.
            </p>
          </Panel>
          <Panel title="Record">
            <Code label="The record as JSON" text={JSON.stringify(exchange, null, 2)} />
          </Panel>
        </div>
      </div>
    </>
  );
}

function Took({ exchange }: { exchange: Exchange }) {
  return (
    <span className="dim">
      {duration(exchange.duration_ms)} in all
      {exchange.head_ms !== null && `, the answer began after ${duration(exchange.head_ms)}`}
    </span>
  );
}

function CurlButton({ text }: { text: string }) {
  return (
    <CopyButton value={text} timeout={1500}>
      {({ copied, copy }) => (
        <Button variant="default" leftSection={<Icon name={copied ? 'done' : 'copy'} size={14} />} onClick={copy}>
          {copied ? 'Copied' : 'Copy as curl'}
        </Button>
      )}
    </CopyButton>
  );
}

function factsOf(exchange: Exchange): [string, React.ReactNode][] {
  const { consumer, key, upstream, origin } = exchange;
  return [
    ['When', <Moment key="when" at={exchange.time} />],
    ['Consumer', consumer === null ? null : <Link href={exchangesWith({ consumer })}>{consumer}</Link>],
    ['Key', key === null ? null : <Link href={exchangesWith({ key })}><code>{key}</code></Link>],
    ['Called from', exchange.address],
    ['Outcome', exchange.outcome],
    ['Upstream', upstream === null ? null : <Link href={exchangesWith({ upstream })}>{upstream}</Link>],
    ['Origin', origin === null ? null : <code>{origin}</code>],
    ['Credential', exchange.credential],
    ['Sent', bytes(exchange.bytes_in)],
    ['Received', bytes(exchange.bytes_out)],
    ['Cost', exchange.cost === null ? null : money(exchange.cost.amount, exchange.cost.currency)],
    ['Trace', exchange.trace === null ? null : <code>{exchange.trace}</code>],
  ]; // prettier-ignore
}

function OtherRecord({ record }: { record: AnyRecord }) {
  return (
    <>
      <PageHead title="A record of the audit trail" note="It isn’t of an exchange." />
      <div className="stack">
        <Panel title="Its place in the audit trail">
          <Proof id={record.id} />
        </Panel>
        <Panel title="Record">
          <Code label="The record as JSON" text={JSON.stringify(record, null, 2)} />
        </Panel>
      </div>
    </>
  );
}
