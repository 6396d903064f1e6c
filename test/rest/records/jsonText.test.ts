import fc from 'fast-check';
import { compactValue, findElements, findValue, splitDocuments } from '../../../lib/rest/records/jsonText.ts';

/** Any JSON value as text with any white space between its tokens. */
const space = fc.stringMatching(/^[ \n\r\t]{0,3}$/);
const jsonText = fc
  .tuple(fc.json({ maxDepth: 4 }), fc.constantFrom(undefined, 1, '\t', ' \n'), space, space)
  .map(([json, indent, before, after]) => before + JSON.stringify(JSON.parse(json), null, indent) + after);
const object = fc
  .tuple(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 3 })), fc.constantFrom(undefined, 2))
  .map(([value, indent]) => JSON.stringify(value, null, indent));

test('compact text has the same tokens, without white space between them', () => {
  fc.assert(
    fc.property(jsonText, (text) => {
      expect(compactValue(text, text.search(/\S/))).toBe(JSON.stringify(JSON.parse(text)));
    }),
  );
});

test.each([
  [
    'numbers beyond 2^53',
    '{"n": 12345678901234567890, "f": 1.0, "e": 1E+2, "z": -0}',
    '{"n":12345678901234567890,"f":1.0,"e":1E+2,"z":-0}',
  ],
  ['the order of members', '{"b":1, "10":2, "1":3}', '{"b":1,"10":2,"1":3}'],
  ['escapes', '[ "\\u00e9\\/", "a \\" b", "\\\\" ]', '["\\u00e9\\/","a \\" b","\\\\"]'],
  ['a member given twice', '{"a":1,\n"a":2}', '{"a":1,"a":2}'],
])('%s stay as they were written', (_, text, compact) => {
  expect(compactValue(text, 0)).toBe(compact);
});

test('a value is found as JSON.parse finds it: the last of its name, however it is escaped', () => {
  const text =
    '{"a":{"data":1}, "\\u0061" : {"x":{"data":5},"data":1,"d\\u0061ta" : {"n":2} } ,"x":"\\"data\\":3"}';
  expect(compactValue(text, findValue(text, 0, ['a', 'data']))).toBe('{"n":2}');
  expect(findValue(text, 0, ['data'])).toBe(-1);
  expect(findValue(text, 0, ['x', 'data'])).toBe(-1);
  expect(findValue('{"a":{"data":1},"a":null}', 0, ['a', 'data'])).toBe(-1);
  fc.assert(
    fc.property(object, object, (inner, outer) => {
      const json = `{"outer":${outer}, "inner" :${inner}}`;
      for (const [name, value] of Object.entries(JSON.parse(inner))) {
        expect(compactValue(json, findValue(json, 0, ['inner', name]))).toBe(JSON.stringify(value));
      }
    }),
  );
});

test('elements are found wherever they begin', () => {
  const values = fc.array(fc.jsonValue({ maxDepth: 3 }));
  fc.assert(
    fc.property(values, object, fc.constantFrom(undefined, 2), (elements, before, indent) => {
      const text = ` {"before": ${before}, "list": ${JSON.stringify(elements, null, indent)} , "after":0}`;
      const starts = findElements(text, 'list');
      expect(starts.map((at) => JSON.parse(compactValue(text, at)))).toEqual(
        JSON.parse(JSON.stringify(elements)),
      );
    }),
  );
});

test('of a list given twice the last counts, whatever the first is', () => {
  for (const first of ['5', '{"a":[1]}', '"[1]"', '[1,2,3]']) {
    const text = `{"list":${first},"list":[7, 8]}`;
    expect(findElements(text, 'list').map((at) => compactValue(text, at))).toEqual(['7', '8']);
  }
});

function cut(text: string, limit: number) {
  const documents = splitDocuments(text, limit);
  return typeof documents === 'string' ? documents : documents.map(({ at, end }) => text.slice(at, end));
}

test('concatenated objects are cut apart, with or without white space between them', () => {
  fc.assert(
    fc.property(fc.array(object, { minLength: 1 }), space, (documents, between) => {
      expect(cut(documents.join(between) + between, 1_000)).toEqual(documents);
    }),
  );
});

test.each(['[1]', '{"a":1}1', '{"a":"}', '{"a":{}', '{"a":1},{"b":2}', '"a"', '}', '{"a":1}x'])(
  'a body %s is no sequence of objects',
  (text) => {
    expect(splitDocuments(text, 10)).toBe('malformed');
  },
);

test('no more documents are cut than the limit allows', () => {
  expect(splitDocuments('{}{}{}', 3)).toHaveLength(3);
  expect(splitDocuments('{}{}{}{}', 3)).toBe('too many');
});

test('backslashes and quotes without end are cut: were each looked back from, this would not end', () => {
  const text = `{"a":"${'\\\\\\"'.repeat(500_000)}"}`;
  expect(cut(text, 1)).toEqual([text]);
});
