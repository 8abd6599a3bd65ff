/** The dialogs of keys. A key is shown once, and is forgotten when its dialog is closed. */

import { Button, Modal, NativeSelect, Textarea, TextInput } from '@mantine/core';
import { useState } from 'react';
import { makeKey, revokeKey, rotateKey, type Grace, type KeyShown, type NewKey, type ObjectShown } from '@/api/objects';
import { linesOf } from '@/form/inputs';
import { useChange } from '@/parts/change';
import { ShownOnce } from '@/parts/ShownOnce';
import { Failure } from '@/parts/States';
import { Sure } from '@/parts/Sure';
import { Code } from '@/parts/Values';
import { useGateway } from '../exchanges/gateway';
import { grantsOf, targetOf } from './grant';

const LENGTHS = [
  { value: '', label: 'never' },
  { value: '30d', label: 'in 30 days' },
  { value: '90d', label: 'in 90 days' },
  { value: '365d', label: 'in a year' },
];

export function MakeKey({ consumer, onClose, onMade }: { consumer: string; onClose: () => void; onMade: (key: NewKey) => void }) {
  const [label, setLabel] = useState('');
  const [length, setLength] = useState('');
  const [networks, setNetworks] = useState('');
  const make = useChange({
    change: () =>
      makeKey({
        consumer,
        label: label.trim(),
        networks: linesOf(networks),
        ...(length === '' ? {} : { expires_in: length }),
      }),
    refreshes: ['keys', 'limits'],
    onDone: onMade,
  });
  return (
    <Modal opened onClose={onClose} title={`A new key for ${consumer}`}>
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          make.mutate(undefined);
        }}
      >
        <TextInput
          label="Label"
          description="What people call it."
          placeholder="production"
          maxLength={200}
          data-autofocus
          value={label}
          onChange={(event) => setLabel(event.currentTarget.value)}
        />
        <NativeSelect label="It ends" value={length} onChange={(event) => setLength(event.currentTarget.value)} data={LENGTHS} />
        <Textarea
          label="Networks"
          description="Where it may be used from, one in a line; anywhere the consumer may, without."
          placeholder="10.0.0.0/8"
          autosize
          minRows={1}
          spellCheck={false}
          value={networks}
          onChange={(event) => setNetworks(event.currentTarget.value)}
        />
        {make.isError && <Failure error={make.error} />}
        <div className="dialog-foot">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={make.isPending}>
            Make the key
          </Button>
        </div>
      </form>
    </Modal>
  );
}

const GRACES: { value: Grace; label: string }[] = [
  { value: 'immediate', label: 'not at all: it is refused at once' },
  { value: '1h', label: 'for 1 hour' },
  { value: '24h', label: 'for 24 hours' },
  { value: '7d', label: 'for 7 days' },
];

export function RotateKey({ of, onClose, onMade }: { of: KeyShown; onClose: () => void; onMade: (key: NewKey) => void }) {
  const [grace, setGrace] = useState<Grace>('24h');
  const rotate = useChange({ change: (why: string) => rotateKey(of, grace, why), refreshes: ['keys', 'limits'], onDone: onMade });
  return (
    <Sure
      title={`Rotate ${of.label || of.id}`}
      act="Make the new key"
      isPending={rotate.isPending}
      error={rotate.error}
      onClose={onClose}
      onSure={(why) => rotate.mutate(why)}
    >
      <p>
        A new key takes the place of <code>{of.id}</code>, with its label, networks and limits.
      </p>
      <NativeSelect
        label="The old one works on"
        value={grace}
        onChange={(event) => setGrace(event.currentTarget.value as Grace)}
        data={GRACES}
      />
    </Sure>
  );
}

export function RevokeKey({ of, onClose }: { of: KeyShown; onClose: () => void }) {
  const revoke = useChange({
    change: (why: string) => revokeKey(of, why),
    said: () => `The key ${of.id} is revoked.`,
    refreshes: ['keys', 'limits'],
    onDone: onClose,
  });
  return (
    <Sure
      title={`Revoke ${of.label || of.id}?`}
      act="Revoke"
      isDangerous
      isPending={revoke.isPending}
      error={revoke.error}
      onClose={onClose}
      onSure={(why) => revoke.mutate(why)}
    >
      <p>
        Every worker of every instance refuses <code>{of.id}</code> within a second. That can’t be taken back.
      </p>
    </Sure>
  );
}

export function ShowKey({ of, consumer, onClose }: { of: NewKey; consumer: ObjectShown; onClose: () => void }) {
  const target = grantsOf(consumer.data).map(targetOf).find(({ kind, name }) => kind === 'upstream' && name !== '*');
  const url = `${useGateway()}${target === undefined ? '/-/whoami' : `/${target.name}/`}`;
  return (
    <ShownOnce title="The new key" what="key" value={of.key} onClose={onClose}>
      <div>
        <p className="dim small">A call with it, from where the gateway is:</p>
        <Code label="A call with the key" text={`export EXEAT_KEY='${of.key}'\ncurl -H "Exeat-Key: $EXEAT_KEY" ${url}`} />
      </div>
    </ShownOnce>
  );
}
