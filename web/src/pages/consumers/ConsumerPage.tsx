/** One consumer: its keys, what it may use, what it has called, its limits. */

import { Button, Tabs } from '@mantine/core';
import { useState } from 'react';
import { Link, useLocation } from 'wouter';
import { removeObject, useObject, type ObjectShown } from '@/api/objects';
import { useMay } from '@/api/session';
import { isMembers, type Json } from '@/form/json';
import { ObjectForm, type FormGroup } from '@/form/ObjectForm';
import { exchangesWith, useParameter } from '@/parts/address';
import { useChange } from '@/parts/change';
import { AsDocument, ReadOnly, WrittenElsewhere } from '@/parts/Document';
import { Icon } from '@/parts/Icon';
import { PageHead, Panel } from '@/parts/Page';
import { RangePicker, useRange } from '@/parts/RangePicker';
import { Empty, Query } from '@/parts/States';
import { Sure } from '@/parts/Sure';
import { Source } from '@/parts/Values';
import { LimitsOf } from '../limits/LimitsOf';
import { UsageOf } from '../limits/UsageOf';
import { describeTerms, grantsOf, targetOf, titleOf } from './grant';
import { GrantsField } from './GrantsField';
import { Keys } from './Keys';

const GROUPS: FormGroup[] = [
  { title: 'What it may use', members: ['grants'] },
  { title: 'Where its keys may be used from', members: ['networks'] },
  { title: 'How much it may call', members: ['limits', 'priority'] },
];
const WIDGETS = { '/grants': GrantsField };

export function ConsumerPage({ name }: { name: string }) {
  const consumer = useObject('consumers', name);
  return (
    <>
      <Link href="/consumers" className="back small">
        <Icon name="back" size={13} /> Consumers
      </Link>
      <Query of={consumer} rows={8} isPage>
        {(object) => <Shown object={object} />}
      </Query>
    </>
  );
}

function Shown({ object }: { object: ObjectShown }) {
  const [tab, setTab] = useParameter('tab', 'now');
  const [isDeleting, setDeleting] = useState(false);
  const mayWrite = useMay('operator');
  const mayChange = mayWrite && !object.read_only;
  const [range] = useRange();
  return (
    <div className="stack">
      <PageHead
        title={
          <span className="row">
            {object.name} <Source object={object} />
          </span>
        }
      >
        {tab === 'now' && <RangePicker />}
        <Button component={Link} href={exchangesWith({ consumer: object.name, since: range.value })} variant="default">
          Exchanges
        </Button>
        {!object.read_only && (
          <Button variant="default" disabled={!mayWrite} title={mayWrite ? undefined : 'For operators'} onClick={() => setDeleting(true)}>
            Delete
          </Button>
        )}
      </PageHead>
      <Tabs value={tab} onChange={(value) => setTab(value ?? 'now')} keepMounted={false}>
        <Tabs.List mb={16}>
          <Tabs.Tab value="now">Now</Tabs.Tab>
          <Tabs.Tab value="configuration">Configuration</Tabs.Tab>
          {mayChange && <Tabs.Tab value="document">As a document</Tabs.Tab>}
        </Tabs.List>
        <Tabs.Panel value="now">
          <Now object={object} mayChange={mayChange} onGrants={() => setTab('configuration')} />
        </Tabs.Panel>
        <Tabs.Panel value="configuration">
          {!mayChange ? (
            <ReadOnly section="consumers" object={object} />
          ) : (
            <ObjectForm kind="consumers" object={object} schema="Consumer" groups={GROUPS} without={['keys']} widgets={WIDGETS} />
          )}
        </Tabs.Panel>
        <Tabs.Panel value="document">
          <AsDocument section="consumers" object={object} />
        </Tabs.Panel>
      </Tabs>
      {isDeleting && <Delete object={object} onClose={() => setDeleting(false)} />}
    </div>
  );
}

function Now({ object, mayChange, onGrants }: { object: ObjectShown; mayChange: boolean; onGrants: () => void }) {
  const networks = networksOf(object.data);
  return (
    <div className="stack">
      <WrittenElsewhere object={object} />
      <UsageOf of="consumer" name={object.name} />
      <Keys consumer={object} />
      <div className="panels">
        <Panel
          title="Grants"
          className="half"
          flush
          side={
            !mayChange ? undefined : (
              <Button variant="subtle" size="compact-xs" onClick={onGrants}>
                Edit
              </Button>
            )
          }
        >
          <Grants data={object.data} />
          <p className="panel-line">
            <span className="dim">Its keys may be used from</span>{' '}
            {networks.length === 0 ? 'anywhere' : networks.map((network) => <code key={network}>{network} </code>)}
          </p>
        </Panel>
        <LimitsOf scope="consumer" owner={object.name} className="half" />
      </div>
    </div>
  );
}

function networksOf(data: unknown): string[] {
  const networks = isMembers(data) ? data['networks'] : undefined;
  const allowed = isMembers(networks) ? networks['allow'] : networks;
  return Array.isArray(allowed) ? allowed.map(String) : [];
}

function Grants({ data }: { data: unknown }) {
  const grants = grantsOf(data);
  if (grants.length === 0) return <Empty title="It has no grants">Its keys can call nothing until it has one.</Empty>;
  return (
    <ul className="grants">
      {grants.map((grant, number) => (
        <li key={number}>
          <Granted grant={grant} /> <span className="dim cut">{describeTerms(grant)}</span>
        </li>
      ))}
    </ul>
  );
}

function Granted({ grant }: { grant: Json }) {
  const { kind, name } = targetOf(grant);
  const title = <b className="strong">{titleOf(grant)}</b>;
  return kind === 'upstream' && name !== '*' ? <Link href={`/upstreams/${name}`}>{title}</Link> : title;
}

function Delete({ object, onClose }: { object: ObjectShown; onClose: () => void }) {
  const [, navigate] = useLocation();
  const remove = useChange({
    change: (why: string) => removeObject('consumers', object, why),
    said: () => `${object.name} is deleted, and its keys are revoked.`,
    refreshes: [],
    onDone: () => navigate('/consumers'),
  });
  return (
    <Sure
      title={`Delete ${object.name}?`}
      act="Delete and revoke its keys"
      isDangerous
      isPending={remove.isPending}
      error={remove.error}
      onClose={onClose}
      onSure={(why) => remove.mutate(why)}
    >
      <p>Its keys are revoked: calls with them are refused within a second, and they don’t come back. Its records stay.</p>
    </Sure>
  );
}
