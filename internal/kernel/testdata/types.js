// Runs in the place of the kernel's entry. It looks up every type of an assembly as the kernel would,
// first to last and at random, and compares each with the one that parsing the whole file gives.
"use strict";

const assert = require("assert");
const fs = require("fs");

const file = process.argv[2];
const stock = (name) => JSON.parse(fs.readFileSync(name, "utf8"));
const whole = stock(file);
let fallbacks = 0;
const lazy = globalThis[Symbol.for("tap.kernel")].loadAssembly(file, false, (name) => {
	fallbacks++;
	return stock(name);
});

for (const key of Object.keys(whole)) {
	if (key !== "types") {
		assert.deepStrictEqual(lazy[key], whole[key], key);
	}
}
const names = Object.keys(whole.types);
for (const name of names) {
	assert.strictEqual(JSON.stringify(lazy.types[name]), JSON.stringify(whole.types[name]), name);
	assert.strictEqual(lazy.types[name], lazy.types[name], `${name} is parsed once`);
}
assert.strictEqual(fallbacks, 0, "the whole assembly was parsed");

assert.strictEqual(lazy.types["@cdktf/provider-aws.nothing.Nothing"], undefined);
assert.strictEqual(fallbacks, 1, "a name that is not there is looked for in the whole assembly, once");
assert.strictEqual(lazy.types["@cdktf/provider-aws.zzz.Nothing"], undefined);
assert.strictEqual(fallbacks, 1);
assert.deepStrictEqual(Object.keys(lazy.types), names);
assert.ok(names[0] in lazy.types);
console.log(`${names.length} types`);
