/*
 * For user-mode Linux on processors with more register state than it was built for (Intel's AMX): the host demands
 * the whole of it when a process's registers are set, and user-mode Linux has room for what it knows alone. Put before
 * libc's ptrace, this fills up the rest from the registers as they are.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <elf.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

#define ROOM 65536

static long (*next)(int, int, void *, void *);

long ptrace(enum __ptrace_request request, ...)
{
	static char state[ROOM];
	va_list arguments;
	va_start(arguments, request);
	int pid = va_arg(arguments, int);
	void *kind = va_arg(arguments, void *);
	struct iovec *given = va_arg(arguments, void *);
	va_end(arguments);

	if (!next)
		next = dlsym(RTLD_NEXT, "ptrace");
	if (request == PTRACE_SETREGSET && (long)kind == NT_X86_XSTATE) {
		struct iovec whole = { state, ROOM };
		if (next(PTRACE_GETREGSET, pid, kind, &whole) < 0)
			return -1;
		if (whole.iov_len > given->iov_len) {
			memcpy(state, given->iov_base, given->iov_len);
			return next(request, pid, kind, &whole);
		}
	}
	return next(request, pid, kind, given);
}
