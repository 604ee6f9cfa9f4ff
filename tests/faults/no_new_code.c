/* What MemoryDenyWriteExecute=yes of systemd does: no memory that was ever
   written becomes executable. Where the kernel has no such rule (before 6.3),
   the file no-rule says so. */
#include <fcntl.h>
#include <sys/prctl.h>

#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#endif

__attribute__((constructor)) static void forbid(void) {
    if (prctl(PR_SET_MDWE, 1UL, 0UL, 0UL, 0UL) != 0) {
        open("no-rule", O_CREAT | O_WRONLY, 0600);
    }
}
