/**
 * Rules for what is read as JSON, put together from small ones: a rule says what is wrong with a value, or nothing.
 * What they are made of is frozen, because what may change costs a board memory, even if it never does.
 */
import { utf8Length } from "../cbor/utf8.js";

/** Says what is wrong with a value, or nothing. */
export type Rule = (value: unknown) => string | undefined;

export interface Field {
  readonly rule: Rule;
  readonly optional?: true;
}

export const text =
  (maxLength: number): Rule =>
  (value) =>
    typeof value === "string" && value.length > 0 && value.length <= maxLength
      ? undefined
      : ` must be a text of 1 to ${maxLength} characters`;

export const range =
  (min: number, max: number, whole: boolean): Rule =>
  (value) =>
    typeof value === "number" && value >= min && value <= max && (!whole || Math.floor(value) === value)
      ? undefined
      : ` must be a ${whole ? "whole " : ""}number from ${min} to ${max}`;

export const oneOf = (...values: readonly unknown[]): Rule => {
  Object.freeze(values);
  return (value) =>
    values.includes(value)
      ? undefined
      : ` must be ${values.map((known) => JSON.stringify(known)).join(" or ")}`;
};

/** An object with these fields and no others. */
export const group = (fields: { readonly [name: string]: Field }): Rule => {
  Object.freeze(fields);
  return (value) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return " must be an object";
    const given = value as { readonly [name: string]: unknown };
    for (const name of Object.keys(given))
      if (!Object.hasOwn(fields, name)) return `.${name} is no known setting`;
    for (const name of Object.keys(fields)) {
      const { rule, optional } = fields[name]!;
      if (!Object.hasOwn(given, name)) {
        if (optional) continue;
        return `.${name} is missing`;
      }
      const problem = rule(given[name]);
      if (problem !== undefined) return `.${name}${problem}`;
    }
    return undefined;
  };
};

/** An object whose field `tag` says which of these rules it is read by. */
export const variant = (tag: string, rules: { readonly [word: string]: Rule }): Rule => {
  Object.freeze(rules);
  return (value) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return " must be an object";
    if (!Object.hasOwn(value, tag)) return `.${tag} is missing`;
    const word = (value as { readonly [name: string]: unknown })[tag];
    if (typeof word !== "string" || !Object.hasOwn(rules, word))
      return `.${tag}${oneOf(...Object.keys(rules))(word)}`;
    return rules[word]!(value);
  };
};

export const must = (rule: Rule): Field => Object.freeze({ rule });
export const may = (rule: Rule): Field => Object.freeze({ rule, optional: true });

export const printable =
  (maxLength: number): Rule =>
  (value) => {
    const problem = text(maxLength)(value);
    if (problem !== undefined) return problem;
    for (let i = 0; i < (value as string).length; i++) {
      const unit = (value as string).charCodeAt(i);
      if (unit < 0x20 || unit > 0x7e) return " must be printable ASCII";
    }
    return undefined;
  };

/** What MQTT can say as a name: no control characters, no lone surrogates [MQTT-1.5.4-1, MQTT-1.5.4-2]. */
export const name =
  (maxLength: number, maxBytes = 4 * maxLength): Rule =>
  (value) => {
    const problem = text(maxLength)(value);
    if (problem !== undefined) return problem;
    for (let i = 0; i < (value as string).length; i++) {
      const unit = (value as string).charCodeAt(i);
      if (unit < 0x20 || (unit > 0x7e && unit < 0xa0)) return " must not contain control characters";
    }
    try {
      return utf8Length(value as string) > maxBytes ? ` must take at most ${maxBytes} bytes` : undefined;
    } catch {
      return " must not contain lone surrogates";
    }
  };
