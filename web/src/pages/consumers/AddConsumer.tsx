/** A new consumer: its name, and what it may use. */

import { Button, Modal, TextInput } from '@mantine/core';
import { useState } from 'react';
import { useLocation } from 'wouter';
import { makeObject, useObjects } from '@/api/objects';
import { useChange } from '@/parts/change';
import { Icon } from '@/parts/Icon';
import { isFound } from '@/parts/search';
import { Failure } from '@/parts/States';

const NAME = /^[a-z][a-z0-9-]{0,62}$/;
/** So many upstreams are offered at once. */
const MOST = 10;

export function AddConsumer({ onClose }: { onClose: () => void }) {
  const upstreams = useObjects('upstreams');
  const [name, setName] = useState('');
  const [search, setSearch] = useState('');
  const [grants, setGrants] = useState<string[]>([]);
  const [, navigate] = useLocation();
  const make = useChange({
    change: () => makeObject('consumers', name, grants.length === 0 ? {} : { grants }),
    said: () => `${name} is added. It needs a key to call.`,
    refreshes: ['consumers', 'limits'],
    onDone: () => navigate(`/consumers/${name}`),
  });
  const isName = NAME.test(name);
  const all = (upstreams.data ?? []).map((upstream) => upstream.name);
  const found = all.filter((upstream) => !grants.includes(upstream) && isFound(upstream, search));
  const shown = all.length > MOST ? [...grants, ...found.slice(0, MOST)] : all;
  const left = found.length - MOST;
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
          {all.length > MOST && (
            <TextInput
              aria-label="Search upstreams"
              placeholder={`Search ${all.length} upstreams`}
              leftSection={<Icon name="search" size={14} />}
              mb={8}
              value={search}
              onChange={(event) => setSearch(event.currentTarget.value)}
              onKeyDown={(event) => {
                if (event.key === 'Enter') event.preventDefault(); // it searches, and doesn’t add
              }}
            />
          )}
          <div className="chips">
            {shown.map((upstream) => {
              const isOn = grants.includes(upstream);
              return (
                <button
                  key={upstream}
                  type="button"
                  className="chip break"
                  aria-pressed={isOn}
                  onClick={() => setGrants(isOn ? grants.filter((one) => one !== upstream) : [...grants, upstream])}
                >
                  {upstream}
                </button>
              );
            })}
            {left > 0 && <span className="dim small">and {left} more; search for them</span>}
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
