// Preloaded into the kernels that the tests start, before anything else. When Node exits, it says in a
// file of PROBE_FOLDER what this kernel has loaded. PROBE_FAILING_READS=1 lets reads of the provider's
// assembly fail after the first few.
"use strict";

const fs = require("fs");
const Module = require("module");
const path = require("path");

let parsed = 0;
const parse = JSON.parse;
JSON.parse = function (text, ...others) {
	parsed = Math.max(parsed, text.length);
	return parse.call(this, text, ...others);
};

if (process.env.PROBE_FAILING_READS === "1") {
	const { openSync, readSync } = fs;
	let assembly = -1;
	let reads = 0;
	fs.openSync = function (file, ...others) {
		const descriptor = openSync.call(fs, file, ...others);
		if (assembly < 0 && String(file).endsWith(path.join("provider-aws", ".jsii"))) {
			assembly = descriptor;
		}
		return descriptor;
	};
	fs.readSync = function (descriptor, ...others) {
		if (descriptor === assembly && ++reads > 20) {
			throw Object.assign(new Error("EIO: i/o error, read"), { code: "EIO" });
		}
		return readSync.call(fs, descriptor, ...others);
	};
}

process.on("exit", () => {
	const loaded = Object.keys(Module._cache);
	const index = loaded.find((file) => file.endsWith(path.join("@cdktf", "provider-aws", "lib", "index.js")));
	const report = {
		entry: path.basename(process.argv[1]),
		nodeOptions: process.env.NODE_OPTIONS,
		providerModules: loaded.filter((file) => file.includes(path.join("@cdktf", "provider-aws", "lib"))).length,
		archiverModules: loaded.filter((file) => file.includes(path.join("node_modules", "archiver", "lib"))).length,
		providerFolder: index === undefined ? "" : path.dirname(path.dirname(fs.realpathSync(index))),
		longestJSON: parsed,
	};
	fs.writeFileSync(path.join(process.env.PROBE_FOLDER, `${process.pid}.json`), JSON.stringify(report));
});
