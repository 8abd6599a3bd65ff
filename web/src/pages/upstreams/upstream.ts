/** What an upstream's data says, in words: where it is, what it is shown, how it is. */

import type { Schemas } from '@/api/client';
import type { Preset } from '@/api/objects';
import { isMembers, textOf, type Json } from '@/form/json';
import type { Tone } from '@/parts/Values';

type Resting = Pick<Schemas['RestingEndpoint'], 'endpoint' | 'state' | 'upstream'>;

export function presetOf(data: unknown): string | null {
  return isMembers(data) && typeof data['preset'] === 'string' ? data['preset'] : null;
}

/** The URLs of an upstream; those of its preset where it says none. */
export function urlsOf(data: unknown, presets: readonly Preset[] = []): string[] {
  if (!isMembers(data)) return [];
  const { url, endpoints } = data;
  if (Array.isArray(endpoints)) return endpoints.map((one) => textOf(isMembers(one) ? one['url'] : one));
  if (typeof url === 'string') return [url];
  const preset = presets.find(({ name }) => name === presetOf(data));
  return preset === undefined ? [] : [filled(preset, data['with'])];
}

/** A preset's URL with what the upstream says of its parameters. */
function filled(preset: Preset, said: Json | undefined): string {
  const values = isMembers(said) ? said : {};
  return preset.url.replace(/\{(\w+)\}/g, (whole, name: string) =>
    textOf(values[name] ?? preset.parameters[name]?.default ?? whole),
  );
}

/** The kind of what an upstream is shown: `bearer`, `pool of 3`, `none`. */
export function credentialOf(data: unknown): string {
  if (!isMembers(data)) return 'none';
  const { credential } = data;
  if (typeof credential === 'string') return credential === 'caller' ? 'the caller’s own' : credential;
  if (Array.isArray(credential)) return credential.map((one) => kindOf(one)).join(' + ') || 'none';
  if (credential === undefined) return presetOf(data) === null ? 'none' : 'as its preset';
  return kindOf(credential, presetOf(data) !== null);
}

function kindOf(credential: Json, hasPreset = false): string {
  if (!isMembers(credential)) return textOf(credential);
  const members = credential['members'] ?? credential['pool'];
  if (Array.isArray(members)) return `pool of ${members.length}`;
  const { kind } = credential;
  if (kind === 'caller') return 'the caller’s own';
  return typeof kind === 'string' ? kind : hasPreset ? 'as its preset' : 'none';
}

export function siblingsOf(data: unknown): string[] {
  const found = isMembers(data) ? data['siblings'] : undefined;
  if (!Array.isArray(found)) return [];
  return found.map((one) => textOf(isMembers(one) ? one['host'] : one));
}

const WORST: Record<Resting['state'], [Tone, number]> = {
  well: ['good', 0], recovering: ['warn', 1], drained: ['warn', 2], resting: ['bad', 3], tripped: ['bad', 4],
}; // prettier-ignore

export function toneOfState(state: Resting['state']): Tone {
  return WORST[state][0];
}

export interface Health {
  tone: Tone;
  word: string;
}

/** How an upstream is, by those of its endpoints that aren't well. */
export function healthOf(name: string, endpoints: number, resting: readonly Resting[]): Health {
  const unwell = resting.filter((one) => one.upstream === name && one.state !== 'well');
  const worst = [...unwell].sort((one, other) => WORST[other.state][1] - WORST[one.state][1])[0];
  if (worst === undefined) return { tone: 'good', word: 'well' };
  // One that rests while another takes its calls is worth a look; when none is left, calls are refused.
  const isAll = unwell.length >= endpoints && unwell.every(({ state }) => state !== 'recovering');
  const tone = isAll ? 'bad' : 'warn';
  return { tone, word: endpoints > 1 ? `${unwell.length} of ${endpoints} ${worst.state}` : worst.state };
}
