/** An object as a document has it, and where it is written if that isn't here. */

import type { ObjectShown } from '@/api/objects';
import { isMembers, renderYaml, type Json } from '@/form/json';
import { Icon } from './Icon';
import { Code } from './Values';

export function AsDocument({ section, object }: { section: string; object: ObjectShown }) {
  const data = (isMembers(object.data) || Array.isArray(object.data) ? object.data : {}) as Json;
  return <Code label={`${object.name} as a document has it`} text={renderYaml({ [section]: { [object.name]: data } }).trim()} />;
}

/** Says of a read-only object where it is changed. */
export function WrittenElsewhere({ object }: { object: ObjectShown }) {
  if (!object.read_only) return null;
  const isFile = object.source.startsWith('file ');
  return (
    <div className="notice" data-tone="note">
      <Icon name="lock" />
      <div>
        {isFile ? (
          <>
            It is written in the file <code>{object.source.slice('file '.length)}</code>, and can only be changed there. A
            saved file is in force at once.
          </>
        ) : (
          <>
            It comes from the <b>{object.source}</b>, and can only be changed there. Exeat reads it again on SIGHUP.
          </>
        )}
      </div>
    </div>
  );
}

/** What is shown in place of a form to those who can’t change the object: why that is, and how it is written. */
export function ReadOnly({ section, object }: { section: string; object: ObjectShown }) {
  return (
    <div className="stack">
      {object.read_only ? (
        <WrittenElsewhere object={object} />
      ) : (
        <div className="notice" data-tone="note">
          <Icon name="lock" />
          <div>Operators and administrators change it.</div>
        </div>
      )}
      <AsDocument section={section} object={object} />
    </div>
  );
}
