import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { inOrder, nonEmpty, pathOf } from '../expression.ts';
import type { Action, Condition, Path, Value } from '../ports.ts';
import { toAttribute } from './attributes.ts';

interface Expressions {
  ConditionExpression?: string;
  UpdateExpression?: string;
  ExpressionAttributeNames?: Record<string, string>;
  ExpressionAttributeValues?: Record<string, AttributeValue>;
}

/**
 * The condition and the update in DynamoDB's words, with a placeholder for every name and value. Larger list indexes
 * come first: DynamoDB does not care, but some emulators apply one removal after the other.
 */
export function expressions(condition: Condition | undefined, actions: readonly Action[] = []): Expressions {
  const names = new Map<string, string>();
  const values: Record<string, AttributeValue> = {};
  let valueCount = 0;

  const name = (part: string) => {
    const placeholder = names.get(part) ?? `#${names.size}`;
    names.set(part, placeholder);
    return placeholder;
  };
  const place = ([attribute, ...parts]: Path) =>
    parts.reduce<string>(
      (path, part) => path + (typeof part === 'number' ? `[${part}]` : `.${name(part)}`),
      name(attribute),
    );
  const value = (given: Value) => {
    const placeholder = `:${valueCount++}`;
    values[placeholder] = toAttribute(given);
    return placeholder;
  };

  // DynamoDB refuses redundant parentheses.
  const conditionText = (part: Condition): string => {
    if ('exists' in part) return `attribute_exists(${place(part.exists)})`;
    if ('missing' in part) return `attribute_not_exists(${place(part.missing)})`;
    if ('not' in part) return `NOT (${conditionText(part.not)})`;
    if ('all' in part) return joined(part.all, ' AND ');
    if ('any' in part) return joined(part.any, ' OR ');
    const path = place(part.path);
    if (!('contains' in part)) return `${path} ${part.is} ${value(part.value)}`;
    // Without its first half, it would also look for a part of a string.
    return `attribute_type(${path}, ${value('L')}) AND contains(${path}, ${value(part.contains)})`;
  };
  const joined = (parts: readonly Condition[], operator: string) =>
    parts.length === 1
      ? conditionText(parts[0]!)
      : nonEmpty(parts)
          .map((part) => `(${conditionText(part)})`)
          .join(operator);

  const sets: string[] = [];
  const removes: string[] = [];
  for (const action of inOrder(actions)) {
    const path = place(pathOf(action));
    if ('remove' in action) removes.push(path);
    else if ('set' in action) sets.push(`${path} = ${value(action.to)}`);
    else if ('add' in action) sets.push(`${path} = ${path} + ${value(action.value)}`);
    else sets.push(`${path} = list_append(${path}, ${value(action.values)})`);
  }
  const clauses = [
    ...(sets.length > 0 ? [`SET ${sets.join(', ')}`] : []),
    ...(removes.length > 0 ? [`REMOVE ${removes.join(', ')}`] : []),
  ];
  return {
    ...(condition && { ConditionExpression: conditionText(condition) }),
    ...(clauses.length > 0 && { UpdateExpression: clauses.join(' ') }),
    ...(names.size > 0 && {
      ExpressionAttributeNames: Object.fromEntries(
        [...names].map(([part, placeholder]) => [placeholder, part]),
      ),
    }),
    ...(valueCount > 0 && { ExpressionAttributeValues: values }),
  };
}
