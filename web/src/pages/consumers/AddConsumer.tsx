/** A new consumer: its name, and what it may use. */

import { Button, Modal, TextInput } from '@mantine/core';
import { useState } from 'react';
import { useLocation } from 'wouter';
import { makeObject, useObjects } from '@/api/objects';
import { useChange } from '@/parts/change';
import { Failure } from '@/parts/States';

const NAME = /^[a-z][a-z0-9-]{0,62}$/;

export function AddConsumer({ onClose }: { onClose: () => void }) {
  const upstreams = useObjects('upstreams');
  const [name, setName] = useState('');
  const [grants, setGrants] = useState<string[]>([]);
  const [, navigate] = useLocation();
  const make = useChange({
    change: () => makeObject('consumers', name, grants.length === 0 ? {} : { grants }),
    said: () => `${name} is added. It needs a key to call.`,
    refreshes: ['consumers', 'limits'],
    onDone: () => navigate(`/consumers/${name}`),
  });
  const isName = NAME.test(name);
  return (
    <Modal opened onClose={onClose} title="Add a consumer">
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          make.mutate(undefined);
        }}
      >
        <TextInput
          label="Name"
          description="What records, limits and this dashboard call the application."
          placeholder="web-shop"
          required
          data-autofocus
          value={name}
          error={name !== '' && !isName ? 'Begin with a letter; then small letters, digits and hyphens, at most 63.' : undefined}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <div role="group" aria-label="What it may use">
          <p className="field-label">What it may use</p>
          <div className="chips">
            {(upstreams.data ?? []).map((upstream) => {
              const isOn = grants.includes(upstream.name);
              return (
                <button
                  key={upstream.name}
                  type="button"
                  className="chip"
                  aria-pressed={isOn}
                  onClick={() => setGrants(isOn ? grants.filter((one) => one !== upstream.name) : [...grants, upstream.name])}
                >
                  {upstream.name}
                </button>
              );
            })}
          </div>
          <p className="dim small">Methods, paths and limits of each grant can be set once it is there.</p>
        </div>
        {make.isError && <Failure error={make.error} />}
        <div className="dialog-foot">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={make.isPending} disabled={!isName}>
            Add
          </Button>
        </div>
      </form>
    </Modal>
  );
}
