/** Writes docs/conformance.md from the statements and the tests that name them. */
import type { NamedTest } from "./named-tests.js";
import { applies, type Standard, type Statement } from "./statement.js";
import { statements311 } from "./statements-3.1.1.js";
import { statements5 } from "./statements-5.js";

export const standards: Readonly<Record<Standard, readonly Statement[]>> = {
  "3.1.1": statements311,
  "5": statements5,
};

const titles: Readonly<Record<Standard, string>> = {
  "3.1.1": "MQTT 3.1.1 (OASIS Standard, 29 October 2014)",
  "5": "MQTT 5.0 (OASIS Standard, 7 March 2019)",
};

export const regenerate = "npx tsc -b && node build/js/test/conformance/mqtt/write-page.js";

const head = `# Conformance

Each numbered statement of both MQTT standards, in our words, and the tests that show it. This page is made from the
tests: \`${regenerate}\` writes it. \`npm test\` fails when a statement that binds
a client has no test, when a test names a statement that does not exist, and when this page is not what would be written.

The tests are scripts (what goes in, what must come out, when) that run in Node and in XS. Whatever a client sends in one
of them is read by a [broker that lets nothing pass](../test/lib/mqtt/conformance/brokers-eye.ts), which shares no code
with the session.
`;

export function page(tests: readonly NamedTest[]): string {
  const parts = (["3.1.1", "5"] as const).map((standard) => chapter(standard, tests));
  const files = [...new Set(tests.map(({ file }) => file))].sort();
  return `${[head, ...parts, files.map((file) => `[${label(file)}]: ../${file}`).join("\n")].join("\n")}\n`;
}

export function testsOf(standard: Standard, { id }: Statement, tests: readonly NamedTest[]): NamedTest[] {
  return tests.filter((test) => test.standards.includes(standard) && test.ids.includes(id));
}

function chapter(standard: Standard, tests: readonly NamedTest[]): string {
  const all = standards[standard];
  const binding = all.filter(applies);
  const excepted = all.filter(({ appliesNot }) => appliesNot !== undefined);
  const brokers = all.filter(({ who }) => who === "server");
  const watched = brokers.filter((one) => testsOf(standard, one, tests).length > 0);
  const rest = brokers.filter((one) => !watched.includes(one));
  const row = (one: Statement) =>
    `| \`[${one.id}]\` | ${one.says} | ${cell(testsOf(standard, one, tests))} |\n`;
  const table = (statements: readonly Statement[]) =>
    `| statement | what | tests |\n| --- | --- | --- |\n${statements.map(row).join("")}`;
  const counts = `${all.length} statements: ${binding.length} bind this client, ${excepted.length} do not apply to it, ${brokers.length} bind brokers only.`;
  return [
    `## ${titles[standard]}\n`,
    `${counts}\n`,
    "### What binds a client\n",
    table(binding),
    ...(excepted.length === 0
      ? []
      : ["### What does not apply\n", `${excepted.map(exception).join("\n")}\n`]),
    "### What a broker must do, and what the client does if it does not\n",
    table(watched),
    "### What binds brokers only\n",
    `Nothing for a client to do or to notice: ${rest.map(({ id }) => `\`${id.slice(5)}\``).join(", ")}.\n`,
  ].join("\n");
}

function exception({ id, says, appliesNot }: Statement): string {
  return `- \`[${id}]\` ${says}: ${appliesNot}.`;
}

function cell(tests: readonly NamedTest[]): string {
  return tests.map(({ file, words }) => `[${label(file)}] ${words.replaceAll("|", "\\|")}`).join("<br>");
}

function label(file: string): string {
  return file.replace(/^test\/(lib\/)?/, "").replace(/\.test\.ts$/, "");
}
