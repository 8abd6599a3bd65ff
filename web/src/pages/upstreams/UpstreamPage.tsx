/** One upstream: its endpoints, what has become of calls, its configuration, a test call. */

import { Button, Tabs } from '@mantine/core';
import { useState } from 'react';
import { Link, useLocation } from 'wouter';
import { removeObject, useObject, useObjects, usePresets, type ObjectShown } from '@/api/objects';
import { useStatus } from '@/api/queries';
import { useMay } from '@/api/session';
import { ObjectForm, type FormGroup } from '@/form/ObjectForm';
import { isMembers, textOf } from '@/form/json';
import { exchangesWith, useParameter } from '@/parts/address';
import { useChange } from '@/parts/change';
import { AsDocument, ReadOnly, WrittenElsewhere } from '@/parts/Document';
import { Icon } from '@/parts/Icon';
import { Facts, PageHead, Panel } from '@/parts/Page';
import { RangePicker, useRange } from '@/parts/RangePicker';
import { Query } from '@/parts/States';
import { Sure } from '@/parts/Sure';
import { Ago, Badge, Source } from '@/parts/Values';
import { coversUpstream, grantsOf } from '../consumers/grant';
import { LimitsOf } from '../limits/LimitsOf';
import { UsageOf } from '../limits/UsageOf';
import { Endpoints } from './Endpoints';
import { TestCall } from './TestCall';
import { credentialOf, presetOf, siblingsOf } from './upstream';

const GROUPS: FormGroup[] = [
  { title: 'Where it is', members: ['url', 'endpoints', 'balance', 'siblings', 'hosts', 'preset', 'with'] },
  { title: 'What it is shown', members: ['credential', 'scrub_bodies'] },
  { title: 'What may be called', members: ['methods', 'paths'] },
  { title: 'Limits and prices', members: ['limits', 'price', 'provider'] },
  { title: 'When it fails', members: ['timeout', 'retries', 'circuit', 'health'] },
  { title: 'Network and TLS', members: ['network', 'tls', 'plaintext'] },
  { title: 'Redirects and links', members: ['follow_redirects', 'links', 'via'] },
  { title: 'What is kept of bodies', members: ['bodies'] },
];

export function UpstreamPage({ name }: { name: string }) {
  const upstream = useObject('upstreams', name);
  return (
    <>
      <Back />
      <Query of={upstream} rows={8} isPage>
        {(object) => <Shown object={object} />}
      </Query>
    </>
  );
}

function Back() {
  return (
    <Link href="/upstreams" className="back small">
      <Icon name="back" size={13} /> Upstreams
    </Link>
  );
}

function Shown({ object }: { object: ObjectShown }) {
  const [tab, setTab] = useParameter('tab', 'now');
  const [dialog, setDialog] = useState<'test' | 'delete' | null>(null);
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
        <Button component={Link} href={exchangesWith({ upstream: object.name, since: range.value })} variant="default">
          Exchanges
        </Button>
        <Button variant="default" disabled={!mayWrite} title={mayWrite ? undefined : 'For operators'} onClick={() => setDialog('test')}>
          Test call
        </Button>
        {!object.read_only && (
          <Button variant="default" disabled={!mayWrite} title={mayWrite ? undefined : 'For operators'} onClick={() => setDialog('delete')}>
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
          <Now object={object} mayChange={mayChange} onConfiguration={() => setTab('configuration')} />
        </Tabs.Panel>
        <Tabs.Panel value="configuration">
          {!mayChange ? (
            <ReadOnly section="upstreams" object={object} />
          ) : (
            <ObjectForm kind="upstreams" object={object} schema="Upstream" groups={GROUPS} />
          )}
        </Tabs.Panel>
        <Tabs.Panel value="document">
          <AsDocument section="upstreams" object={object} />
        </Tabs.Panel>
      </Tabs>
      {dialog === 'test' && <TestCall name={object.name} onClose={() => setDialog(null)} />}
      {dialog === 'delete' && <Delete object={object} onClose={() => setDialog(null)} />}
    </div>
  );
}

function Now({ object, mayChange, onConfiguration }: { object: ObjectShown; mayChange: boolean; onConfiguration: () => void }) {
  const presets = usePresets();
  const preset = presetOf(object.data);
  const title = presets.data?.items.find((one) => one.name === preset)?.title;
  const data = isMembers(object.data) ? object.data : {};
  const siblings = siblingsOf(object.data);
  return (
    <div className="stack">
      <WrittenElsewhere object={object} />
      <UsageOf of="upstream" name={object.name} />
      <Endpoints name={object.name} />
      <RestingCredentials name={object.name} />
      <div className="panels">
        <LimitsOf scope="upstream" owner={object.name} className="half" />
        <Panel
          title="What is set"
          className="half"
          side={
            <Button variant="subtle" size="compact-xs" onClick={onConfiguration}>
              {mayChange ? 'Edit' : 'All'}
            </Button>
          }
        >
          <Facts
            of={[
              ['Credential', <Badge key="credential">{credentialOf(object.data)}</Badge>],
              ...(preset === null ? [] : ([['Preset', title ?? preset]] as [string, string][])),
              ['Price of a call', typeof data['price'] === 'string' ? data['price'] : isMembers(data['price']) ? 'by rules' : 'none'],
              ['Methods', Array.isArray(data['methods']) ? data['methods'].map(textOf).join(', ') : 'all'],
              ['Granted to', <Granted key="granted" name={object.name} />],
              ['Siblings', siblings.length === 0 ? 'none' : siblings.join(', ')],
              ['Revision', object.revision],
            ]}
          />
        </Panel>
      </div>
    </div>
  );
}

/** The consumers that may use it. */
function Granted({ name }: { name: string }) {
  const consumers = useObjects('consumers');
  const found = (consumers.data ?? []).filter(({ data }) => grantsOf(data).some((grant) => coversUpstream(grant, name)));
  if (found.length === 0) return <span className="dim">nobody yet</span>;
  return found.map((consumer, number) => (
    <span key={consumer.name}>
      {number > 0 && ', '}
      <Link href={`/consumers/${consumer.name}`}>{consumer.name}</Link>
    </span>
  ));
}

/** The credentials of its pool that aren’t shown now. */
function RestingCredentials({ name }: { name: string }) {
  const status = useStatus();
  const resting = (status.data?.resting_credentials ?? []).filter(({ upstream }) => upstream === name);
  return resting.map(({ credential, state, status: answered, part, until }) => (
    <div key={credential + (part ?? '')} className="notice" data-tone="warn">
      <Icon name="warn" />
      <div>
        The credential <b>{credential}</b> rests:{' '}
        {state === 'refused' ? `it was refused${answered === null ? '' : ` with ${answered}`}` : 'the upstream’s own limits let no call pass'}
        {part !== null && ` for ${part}`}. It is shown again <Ago at={until} />.
      </div>
    </div>
  ));
}

function Delete({ object, onClose }: { object: ObjectShown; onClose: () => void }) {
  const [, navigate] = useLocation();
  const remove = useChange({
    change: (why: string) => removeObject('upstreams', object, why),
    said: () => `${object.name} is deleted.`,
    refreshes: [],
    onDone: () => navigate('/upstreams'),
  });
  return (
    <Sure
      title={`Delete ${object.name}?`}
      act="Delete"
      isDangerous
      isPending={remove.isPending}
      error={remove.error}
      onClose={onClose}
      onSure={(why) => remove.mutate(why)}
    >
      <p>
        Calls to it are refused from then on. Its records stay, and the revision can be taken back. Grants that name it have to
        go first.
      </p>
    </Sure>
  );
}
