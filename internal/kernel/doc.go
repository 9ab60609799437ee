// Package kernel makes synthesis fast, small and quiet. It changes no output and can be deleted: remove the
// folder and the calls of Accelerate, call jsii.Close instead of Close, and the program does the same in
// about four times the time and seven times the memory.
//
// # What is slow
//
// A Go program uses CDKTF and its providers, which are written in TypeScript, through jsii: the Go packages
// describe each call as a line of JSON, and a child process, Node with the jsii kernel, creates and calls the
// objects. Of the AWS provider the kernel loads everything at once, although a program uses a small part:
//
//   - lib/index.js requires the modules of all resources and data sources, more than 2,100;
//   - .jsii, the description of every type, is 120 MB of JSON with 23,000 types.
//
// # What Accelerate does
//
// It passes preload.js to Node in NODE_OPTIONS. That module edits four files in memory while Node compiles them;
// nothing on disk changes:
//
//   - lib/index.js of the provider requires a module when it is first used.
//   - lib/program.js of the kernel looks a type up in .jsii when it is first used. jsii writes the types sorted and
//     indented, so that bisection finds one with a dozen reads of 8 KB. It also composes the message of one
//     assertion only if that fails.
//   - bin/jsii-runtime.js of the kernel, which would start Node again for lib/program.js and carry every call to
//     it, runs lib/program.js itself.
//   - lib/private/fs.js of cdktf loads the library that zips assets when there is one to zip.
//
// Every edit names the text that it replaces. A file of another version, which does not contain exactly that
// text, stays as it is, and a type that bisection does not find comes from the whole file: after an upgrade the
// program is at worst slow, and the tests, which count what is loaded, fail. TAP_STOCK_KERNEL=1 switches all
// edits off, to see whether they are to blame for something.
//
// # Environment
//
// The kernel gets the user's NODE_OPTIONS, or else the size of the heap that jsii-runtime-go sets, then the
// option --preserve-symlinks, which the stock kernel gives to its second process, then preload.js. The program
// and the processes that constructs start do not see the last two. The module uses one thing of Node that is
// not documented, Module.prototype._compile; the tests pass with Node 20.9, 22 and 24.
package kernel
