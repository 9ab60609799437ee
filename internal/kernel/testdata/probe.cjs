// Loaded into each process of the kernels that the tests start, before anything else. When the process exits, a file in
// PROBE_FOLDER says what it has loaded.
const fs = require("fs");
const path = require("path");

let longestJSON = 0;
const parse = JSON.parse;
JSON.parse = (text, ...others) => {
	longestJSON = Math.max(longestJSON, text.length);
	if (process.env.PROBE_DAMAGED && text.startsWith('{\n    "')) {
		throw new SyntaxError("a type alone");
	}
	return parse(text, ...others);
};

process.on("exit", () => {
	const count = (folder) => Object.keys(require.cache).filter((file) => file.includes(folder)).length;
	const [providerModules, archiverModules] = [count("@cdktf/provider-aws/lib"), count("node_modules/archiver/lib")];
	const report = { nodeOptions: process.env.NODE_OPTIONS, providerModules, archiverModules, longestJSON };
	fs.writeFileSync(path.join(process.env.PROBE_FOLDER, path.basename(process.argv[1])), JSON.stringify(report));
});
