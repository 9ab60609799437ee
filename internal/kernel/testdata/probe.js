// Loaded into each process of the kernels that the tests start, before anything else. When the process exits, a
// file in PROBE_FOLDER says what it has loaded.
"use strict";

const fs = require("fs");
const path = require("path");

let longestJSON = 0;
const parse = JSON.parse;
JSON.parse = function (text, ...others) {
	longestJSON = Math.max(longestJSON, text.length);
	return parse.call(this, text, ...others);
};

process.on("exit", () => {
	const count = (...components) => Object.keys(require.cache).filter((f) => f.includes(path.join(...components))).length;
	const report = {
		nodeOptions: process.env.NODE_OPTIONS,
		providerModules: count("@cdktf", "provider-aws", "lib"),
		archiverModules: count("node_modules", "archiver", "lib"),
		longestJSON,
	};
	const file = path.join(process.env.PROBE_FOLDER, path.basename(process.argv[1]));
	fs.writeFileSync(`${file}.unfinished`, JSON.stringify(report));
	fs.renameSync(`${file}.unfinished`, file);
});
