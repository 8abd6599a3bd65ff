/** Who has done something, as records and revisions name them: an administrator, by a token or not, or Exeat itself. */

const OWN: Record<string, string> = {
  start: 'the first start',
  supervisor: 'the gateway’s supervisor',
  document: 'the configuration’s loader',
};
/** How records call who couldn’t be told. */
const NOBODY = '?';

export interface Who {
  name: string;
  token: string | null;
}

/** `admin/nJLMZPsNWtdL` is the administrator admin with that token. */
export function parseActor(actor: string): Who {
  const at = actor.indexOf('/');
  return at === -1 ? { name: actor, token: null } : { name: actor.slice(0, at), token: actor.slice(at + 1) };
}

export function Actor({ of }: { of: string }) {
  const { name, token } = parseActor(of);
  if (name === NOBODY) return <span className="dim">nobody known</span>;
  const own = token === null ? OWN[name] : undefined;
  return (
    <span title={own === undefined ? (token === null ? name : `${name}, with the token ${token}`) : `Exeat itself: ${own}`}>
      {own === undefined ? name : <span className="dim">{name}</span>}
      {token !== null && <span className="dim small"> with {token}</span>}
    </span>
  );
}
