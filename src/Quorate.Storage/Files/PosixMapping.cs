using Microsoft.Win32.SafeHandles;

namespace Quorate.Storage.Files;

/// <summary>A shared read-only mapping by mmap.</summary>
internal sealed unsafe class PosixMapping : IFileMapping
{
    private byte* _pointer;

    public PosixMapping(SafeFileHandle handle, string path, long length)
    {
        _pointer = Posix.Map(handle, path, length);
        Length = length;
    }

    ~PosixMapping() => Release();

    public byte* Pointer => _pointer;

    public long Length { get; }

    public void Dispose()
    {
        Release();
        GC.SuppressFinalize(this);
    }

    private void Release()
    {
        if (_pointer is not null)
        {
            Posix.Unmap(_pointer, Length);
            _pointer = null;
        }
    }
}
