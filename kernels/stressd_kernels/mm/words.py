"""Pages, flags, files, errors and limits: the words that the rules of an address space use.

Flags of a VMA (VM_*), of mmap (MAP_*) and of mremap have the values that Linux gives them on
x86-64, so that a dump can be read beside one of the kernel's.

A file is one word: an identity, and below it what kind of file it is. Opened twice, a file has
two identities, and their mappings never merge.

    63        1: made by an mm for itself: number of its block, and of the file; 0: opened
    62 .. 16  identity
    15 .. 0   FILE_* bits

Identities (of VMAs, anonymous pages, files that an mm makes for itself) are unique in the arena:
the number of the mm's block, and how many this block has given out, whoever lived in it.
"""

import numpy as np

from stressd_kernels.door import kernel_inline
from stressd_kernels.layout import MM_WORDS, MMS, TREES_MAX, U0, U1
from stressd_kernels.mm.layout import MM_EVENTS, MM_ID, MM_NUMBERS
from stressd_kernels.records import VMA_END, VMA_PGOFF, VMA_START

PAGE_SHIFT = np.uint64(12)
PAGE = np.uint64(1 << 12)
PAGE_MASK = np.uint64((1 << 12) - 1)
PMD = np.uint64(2 << 20)  # what one huge page maps
PMD_MASK = np.uint64((2 << 20) - 1)
TASK_SIZE = np.uint64(0x7FFF_FFFF_F000)  # user space ends here

VM_NONE = np.uint64(0)
VM_READ = np.uint64(0x1)
VM_WRITE = np.uint64(0x2)
VM_EXEC = np.uint64(0x4)
VM_SHARED = np.uint64(0x8)
VM_MAYREAD = np.uint64(0x10)
VM_MAYWRITE = np.uint64(0x20)
VM_MAYEXEC = np.uint64(0x40)
VM_MAYSHARE = np.uint64(0x80)
VM_GROWSDOWN = np.uint64(0x100)
VM_GROWSUP = np.uint64(0x200)  # x86-64 has no such stacks; the rules have
VM_PFNMAP = np.uint64(0x400)
VM_LOCKED = np.uint64(0x2000)
VM_IO = np.uint64(0x4000)
VM_SEQ_READ = np.uint64(0x8000)
VM_RAND_READ = np.uint64(0x1_0000)
VM_DONTCOPY = np.uint64(0x2_0000)
VM_DONTEXPAND = np.uint64(0x4_0000)
VM_LOCKONFAULT = np.uint64(0x8_0000)
VM_ACCOUNT = np.uint64(0x10_0000)
VM_NORESERVE = np.uint64(0x20_0000)
VM_HUGETLB = np.uint64(0x40_0000)
VM_WIPEONFORK = np.uint64(0x200_0000)
VM_DONTDUMP = np.uint64(0x400_0000)
VM_MIXEDMAP = np.uint64(0x1000_0000)
VM_HUGEPAGE = np.uint64(0x2000_0000)
VM_NOHUGEPAGE = np.uint64(0x4000_0000)
VM_DROPPABLE = np.uint64(1 << 40)
VM_SEALED = np.uint64(1 << 42)

VM_ACCESS = VM_READ | VM_WRITE | VM_EXEC
VM_MAY_ACCESS = VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC
VM_LOCKED_MASK = VM_LOCKED | VM_LOCKONFAULT
VM_SPECIAL = VM_IO | VM_DONTEXPAND | VM_PFNMAP | VM_MIXEDMAP  # never merged
HEAP_FLAGS = VM_READ | VM_WRITE | VM_MAY_ACCESS | VM_ACCOUNT
STACK_FLAGS = HEAP_FLAGS | VM_GROWSDOWN

MAP_SHARED = np.uint64(0x1)
MAP_PRIVATE = np.uint64(0x2)
MAP_SHARED_VALIDATE = np.uint64(0x3)
MAP_DROPPABLE = np.uint64(0x8)
MAP_TYPE = np.uint64(0xF)
MAP_FIXED = np.uint64(0x10)
MAP_ANONYMOUS = np.uint64(0x20)
MAP_32BIT = np.uint64(0x40)
MAP_ABOVE4G = np.uint64(0x80)
MAP_GROWSDOWN = np.uint64(0x100)
MAP_LOCKED = np.uint64(0x2000)
MAP_NORESERVE = np.uint64(0x4000)
MAP_POPULATE = np.uint64(0x8000)
MAP_NONBLOCK = np.uint64(0x1_0000)
MAP_STACK = np.uint64(0x2_0000)
MAP_HUGETLB = np.uint64(0x4_0000)
MAP_FIXED_NOREPLACE = np.uint64(0x10_0000)

PROT_READ = np.uint64(1)
PROT_WRITE = np.uint64(2)
PROT_EXEC = np.uint64(4)

FILE_SHIFT = np.uint64(16)
FILE_MADE = np.uint64(1 << 63)
FILE_OWNER_SHIFT = np.uint64(51)
FILE_NUMBERS = np.uint64((1 << 35) - 1)  # of one block, before they begin again
FILE_READABLE = np.uint64(0x1)
FILE_WRITABLE = np.uint64(0x2)
FILE_HUGE_ALIGNED = np.uint64(0x4)  # its file system places it as huge pages would like
FILE_SHMEM = np.uint64(0x8)  # also behind shared anonymous memory
FILE_ZERO = np.uint64(0x10)  # /dev/zero: a private mapping of it is anonymous memory
FILE_HUGETLB = np.uint64(0x20)
FILE_SPECIAL = np.uint64(0x40)  # vdso and its kin: no file in truth, and never split
FILE_CLOSES = np.uint64(0x80)  # wants to be told when a VMA of it goes, so none is merged away

ERRNO = np.uint64(1 << 16)  # an entry that failed as the kernel would answers ERRNO | number
EPERM = np.uint64(1 << 16 | 1)
ESRCH = np.uint64(1 << 16 | 3)  # there is no address space in this block (any more)
EBADF = np.uint64(1 << 16 | 9)
EAGAIN = np.uint64(1 << 16 | 11)
ENOMEM = np.uint64(1 << 16 | 12)
EACCES = np.uint64(1 << 16 | 13)
EFAULT = np.uint64(1 << 16 | 14)
EEXIST = np.uint64(1 << 16 | 17)
EINVAL = np.uint64(1 << 16 | 22)
EOVERFLOW = np.uint64(1 << 16 | 75)
CANNOT_KNOW = np.uint64(1 << 17)  # the kernel draws a random number here: no model can tell

IDENTITY_SHIFT = np.uint64(48)  # number of the block, and how many it has given out, ever
BLOCK_SHIFT = np.uint64(MM_WORDS.bit_length() - 1)

assert 1 << int(BLOCK_SHIFT) == MM_WORDS
assert TREES_MAX <= 1 << 12, "the number of a block has twelve bits, here and in a file's word"


@kernel_inline
def page_down(address):
    """Round down to a page."""
    return address & ~PAGE_MASK


@kernel_inline
def page_up(length):
    """Round up to a page, in 64 bits: the last, partial page of all rounds up to 0."""
    return (length + PAGE_MASK) & ~PAGE_MASK


@kernel_inline
def huge_up(length):
    """Round up to a huge page, in 64 bits: the last, partial huge page of all rounds up to 0."""
    return (length + PMD_MASK) & ~PMD_MASK


@kernel_inline
def identity(words, mm):
    """Return a new identity, never given out before in this arena; the lock is held."""
    number = words[mm + MM_NUMBERS] + U1
    words[mm + MM_NUMBERS] = number
    return np.uint64(mm - MMS) >> BLOCK_SHIFT << IDENTITY_SHIFT | number


@kernel_inline
def identity_begin(words, mm):
    """Give a block that another address space begins in its new MM_ID; the lock is held."""
    words[mm + MM_ID] += np.uint64(TREES_MAX)
    words[mm + MM_EVENTS] = U0


@kernel_inline
def file_identity(words, mm, kind):
    """Return the word of a new file that an mm makes for itself; the lock is held.

    kind  FILE_* bits
    """
    number = identity(words, mm)
    owner = number >> IDENTITY_SHIFT << FILE_OWNER_SHIFT
    return FILE_MADE | owner | (number & FILE_NUMBERS) << FILE_SHIFT | kind


@kernel_inline
def pgoff_at(words, vma, address):
    """Return the page that a VMA shows at `address`, which may lie outside."""
    return words[vma + VMA_PGOFF] + (address >> PAGE_SHIFT) - (words[vma + VMA_START] >> PAGE_SHIFT)


@kernel_inline
def vma_pages(words, vma):
    """Return how many pages a VMA has."""
    return (words[vma + VMA_END] - words[vma + VMA_START]) >> PAGE_SHIFT
