import type { Static } from '@sinclair/typebox';
import * as Type from '@sinclair/typebox/type';

const ConfigSource = Type.Union([
  Type.Literal('DYNAMIC_TOPIC_CONFIG'),
  Type.Literal('STATIC_BROKER_CONFIG'),
  Type.Literal('DEFAULT_CONFIG'),
]);

const ConfigSynonym = Type.Object(
  { name: Type.String(), value: Type.String(), source: ConfigSource },
  { title: 'ConfigSynonym' },
);

/** What topic, broker and cluster configs have in common. */
export const configProperties = {
  cluster_id: Type.String(),
  name: Type.String(),
  value: Type.String(),
  is_default: Type.Boolean(),
  is_read_only: Type.Boolean(),
  is_sensitive: Type.Boolean(),
  source: ConfigSource,
  synonyms: Type.Array(ConfigSynonym, {
    description: 'What the value was chosen from, the chosen one first.',
  }),
};

type Config = Pick<
  Static<ReturnType<typeof Type.Object<typeof configProperties>>>,
  'name' | 'value' | 'is_default' | 'is_sensitive' | 'source' | 'synonyms'
>;

/** `values`: the chosen one first; there is at least one. */
export function configValue(
  name: string,
  values: readonly { value: string; source: Static<typeof ConfigSource> }[],
): Config {
  const { value, source } = values[0]!;
  return {
    name,
    value,
    is_default: source === 'DEFAULT_CONFIG',
    is_sensitive: false,
    source,
    synonyms: values.map((synonym) => ({ name, ...synonym })),
  };
}
