using System.Text;
using Google.Protobuf;
using Quorate.Protocol;
using Quorate.Protocol.Authentication;

namespace Quorate.Auth;

/// <summary>Passwords and tokens (spec 03 §6.3, §6.4).</summary>
public sealed partial class AuthStore
{
    private const int MaxPasswordBytes = 72;

    /// <summary>The base64 of a password's bcrypt hash, to be logged in its place. Slow on purpose: not for the applying thread.</summary>
    public string HashPassword(string password)
    {
        if (Encoding.UTF8.GetByteCount(password) > MaxPasswordBytes)
        {
            throw new AuthException("bcrypt: password length exceeds 72 bytes");
        }

        return Convert.ToBase64String(Encoding.ASCII.GetBytes(BCrypt.Net.BCrypt.HashPassword(password, _options.BcryptCost)));
    }

    /// <summary>Checks name and password; returns the revision that they were right at. Slow on purpose.</summary>
    public ulong CheckPassword(string name, string password)
    {
        AuthView view = View;
        if (!view.IsEnabled)
        {
            throw EtcdErrors.AuthNotEnabled;
        }

        if (!view.Users.TryGetValue(name, out User? user))
        {
            throw EtcdErrors.AuthenticationFailed;
        }

        if (user.Options?.NoPassword == true)
        {
            throw new AuthException("auth: authentication failed, password was given for no password user");
        }

        return Matches(password, user.Password.ToStringUtf8()) ? view.Revision : throw EtcdErrors.AuthenticationFailed;
    }

    /// <summary>What is logged for an authentication beside the name.</summary>
    public string NewTokenPrefix() => _tokens.NewPrefix();

    /// <summary>Applies an authentication.</summary>
    /// <param name="index">The consistent index before the entry (spec 04 §7.6).</param>
    public AuthenticateResponse Authenticate(InternalAuthenticateRequest request, ulong index)
    {
        AuthView view = View;
        return view.IsEnabled
            ? new AuthenticateResponse { Token = _tokens.Assign(request.Name, request.SimpleToken, index, view.Revision) }
            : throw EtcdErrors.AuthNotEnabled;
    }

    /// <summary>Whose a token is; an unknown one is an error.</summary>
    public AuthInfo Resolve(string token) => _tokens.Resolve(token, Revision) ?? throw EtcdErrors.InvalidAuthToken;

    /// <summary>The log index that must be applied before a token can be known here; 0 for none.</summary>
    public ulong IndexOfToken(string token) => _tokens.IndexOf(token);

    private ByteString HashOf(string password, string hashed) => hashed.Length > 0
        ? ByteString.FromBase64(hashed)
        : ByteString.CopyFromUtf8(BCrypt.Net.BCrypt.HashPassword(password, _options.BcryptCost));

    private static bool Matches(string password, string hash)
    {
        try
        {
            byte[] bytes = Encoding.UTF8.GetBytes(password);
            string counted = bytes.Length > MaxPasswordBytes ? Encoding.UTF8.GetString(bytes, 0, MaxPasswordBytes) : password;
            return hash.Length > 0 && BCrypt.Net.BCrypt.Verify(counted, hash);
        }
        catch (BCrypt.Net.SaltParseException)
        {
            return false;
        }
    }
}
