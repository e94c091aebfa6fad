using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Quorate.Protocol;

namespace Quorate.Auth.Tokens;

/// <summary>JSON web tokens (RFC 7519, 7515), signed and verified by each member with its own key files (spec 03 §6.5).</summary>
internal sealed class JwtTokens : ITokens
{
    private readonly TimeProvider _time;
    private readonly string _method;
    private readonly TimeSpan _ttl;
    private readonly Func<byte[], byte[]>? _sign;
    private readonly Func<byte[], byte[], bool> _verify;

    public JwtTokens(TimeProvider time, string options)
    {
        _time = time;
        var given = new Dictionary<string, string>();
        foreach (string option in options.Split(',').Skip(1))
        {
            string[] parts = option.Split('=', 2);
            if (parts.Length != 2 || !given.TryAdd(parts[0], parts[1]))
            {
                throw new AuthException("auth: invalid auth options");
            }
        }

        _method = given.GetValueOrDefault("sign-method", "");
        _ttl = given.TryGetValue("ttl", out string? ttl) ? ParseDuration(ttl) : TimeSpan.FromMinutes(5);
        (_sign, _verify) = Keys(_method, Read(given, "pub-key"), Read(given, "priv-key"));
    }

    public string NewPrefix() => "";

    public string Assign(string user, string prefix, ulong index, ulong revision)
    {
        if (_sign is null)
        {
            throw new AuthException("auth: token signing attempted with verify-only key");
        }

        string header = Base64Url.EncodeToString(Encoding.ASCII.GetBytes($"{{\"alg\":\"{_method}\",\"typ\":\"JWT\"}}"));
        var buffer = new System.Buffers.ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            writer.WriteNumber("exp", (_time.GetUtcNow() + _ttl).ToUnixTimeSeconds());
            writer.WriteNumber("revision", revision);
            writer.WriteString("username", user);
            writer.WriteEndObject();
        }

        string signed = $"{header}.{Base64Url.EncodeToString(buffer.WrittenSpan)}";
        return $"{signed}.{Base64Url.EncodeToString(_sign(Encoding.ASCII.GetBytes(signed)))}";
    }

    public AuthInfo? Resolve(string token, ulong currentRevision)
    {
        try
        {
            string[] parts = token.Split('.');
            if (parts.Length != 3 || !_verify(Encoding.ASCII.GetBytes($"{parts[0]}.{parts[1]}"), Base64Url.DecodeFromChars(parts[2])))
            {
                return null;
            }

            using JsonDocument header = JsonDocument.Parse(Base64Url.DecodeFromChars(parts[0]));
            using JsonDocument claims = JsonDocument.Parse(Base64Url.DecodeFromChars(parts[1]));
            long now = _time.GetUtcNow().ToUnixTimeSeconds();
            JsonElement root = claims.RootElement;
            return header.RootElement.GetProperty("alg").GetString() != _method
                || (root.TryGetProperty("exp", out JsonElement expiry) && expiry.GetDouble() <= now)
                || (root.TryGetProperty("nbf", out JsonElement start) && start.GetDouble() > now)
                || root.GetProperty("username").GetString() is not { } user
                ? null
                : new AuthInfo(user, (ulong)root.GetProperty("revision").GetDouble());
        }
        catch (Exception error) when (error is FormatException or JsonException or KeyNotFoundException or InvalidOperationException or CryptographicException)
        {
            return null;
        }
    }

    public ulong IndexOf(string token) => 0;

    public void Forget(string user)
    {
    }

    public void ForgetAll()
    {
    }

    private static byte[]? Read(Dictionary<string, string> given, string name)
    {
        if (!given.TryGetValue(name, out string? path))
        {
            return null;
        }

        try
        {
            return File.ReadAllBytes(path);
        }
        catch (IOException)
        {
            throw new AuthException($"open {path}: no such file or directory");
        }
    }

    private static (Func<byte[], byte[]>? Sign, Func<byte[], byte[], bool> Verify) Keys(string method, byte[]? publicKey, byte[]? privateKey)
    {
        HashAlgorithmName hash = method.Length == 5
            ? method[2..] switch
            {
                "256" => HashAlgorithmName.SHA256,
                "384" => HashAlgorithmName.SHA384,
                "512" => HashAlgorithmName.SHA512,
                _ => throw new AuthException("auth: invalid auth options"),
            }
            : throw new AuthException("auth: invalid auth options");
        if (publicKey is null && privateKey is null)
        {
            throw new AuthException("auth: missing key data");
        }

        switch (method[..2])
        {
            case "HS":
                byte[] secret = privateKey ?? throw new AuthException("auth: missing key data");
                Func<byte[], byte[]> mac = data => CryptographicOperations.HmacData(hash, secret, data);
                return (mac, (data, signature) => CryptographicOperations.FixedTimeEquals(mac(data), signature));
            case "RS" or "PS":
                RSASignaturePadding padding = method[0] == 'R' ? RSASignaturePadding.Pkcs1 : RSASignaturePadding.Pss;
                RSA rsa = Load(RSA.Create, publicKey, privateKey, key => key.ExportRSAPublicKey());
                return (privateKey is null ? null : data => rsa.SignData(data, hash, padding),
                    (data, signature) => rsa.VerifyData(data, signature, hash, padding));
            case "ES":
                ECDsa ec = Load(ECDsa.Create, publicKey, privateKey, key => key.ExportSubjectPublicKeyInfo());
                return (privateKey is null ? null : data => ec.SignData(data, hash), (data, signature) => ec.VerifyData(data, signature, hash));
            default:
                throw new AuthException("auth: invalid auth options");
        }
    }

    private static T Load<T>(Func<T> create, byte[]? publicKey, byte[]? privateKey, Func<T, byte[]> exportPublic)
        where T : AsymmetricAlgorithm
    {
        T key = create();
        key.ImportFromPem(Encoding.ASCII.GetString(privateKey ?? publicKey!));
        if (publicKey is not null && privateKey is not null)
        {
            using T other = create();
            other.ImportFromPem(Encoding.ASCII.GetString(publicKey));
            if (!exportPublic(key).AsSpan().SequenceEqual(exportPublic(other)))
            {
                throw new AuthException("auth: public and private keys don't match");
            }
        }

        return key;
    }

    private static TimeSpan ParseDuration(string text) =>
        Durations.TryParse(text, out TimeSpan value) ? value : throw new AuthException("auth: invalid auth options");

}
