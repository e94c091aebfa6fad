using System.Text;
using Google.Protobuf;

namespace Quorate.Client;

/// <summary>Bytes of a key or of a value. Text is taken as UTF-8.</summary>
public readonly struct EtcdBytes : IEquatable<EtcdBytes>
{
    private readonly ByteString? _bytes;

    private EtcdBytes(ByteString bytes) => _bytes = bytes;

    public ReadOnlyMemory<byte> Memory => Wire.Memory;

    internal ByteString Wire => _bytes ?? ByteString.Empty;

    public static implicit operator EtcdBytes(string text) => FromString(text);

    public static implicit operator EtcdBytes(byte[] bytes) => FromMemory(bytes);

    public static implicit operator EtcdBytes(ReadOnlyMemory<byte> bytes) => FromMemory(bytes);

    public static bool operator ==(EtcdBytes left, EtcdBytes right) => left.Equals(right);

    public static bool operator !=(EtcdBytes left, EtcdBytes right) => !left.Equals(right);

    public static EtcdBytes FromString(string text) => new(ByteString.CopyFrom(text, Encoding.UTF8));

    /// <summary>A copy of the bytes.</summary>
    public static EtcdBytes FromMemory(ReadOnlyMemory<byte> bytes) => new(ByteString.CopyFrom(bytes.Span));

    public bool Equals(EtcdBytes other) => Wire.Equals(other.Wire);

    public override bool Equals(object? obj) => obj is EtcdBytes other && Equals(other);

    public override int GetHashCode() => Wire.GetHashCode();

    public override string ToString() => Wire.ToStringUtf8();

    internal static EtcdBytes Of(ByteString bytes) => new(bytes);
}
