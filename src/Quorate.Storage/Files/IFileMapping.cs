namespace Quorate.Storage.Files;

/// <summary>A read-only view of a file's bytes in memory. Touching bytes past the file's end is an error of the caller.</summary>
public unsafe interface IFileMapping : IDisposable
{
    byte* Pointer { get; }

    /// <summary>Length of the view in bytes.</summary>
    long Length { get; }
}
