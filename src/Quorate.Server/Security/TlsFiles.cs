using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Quorate.Server.Security;

/// <summary>The files and rules of one side's TLS (spec 06 §10). Certificates are read again when their files change.</summary>
public sealed class TlsFiles
{
    private readonly Lock _lock = new();
    private X509Certificate2? _certificate;
    private SslStreamCertificateContext? _context;
    private DateTime _readAt;

    public required string CertFile { get; init; }

    public required string KeyFile { get; init; }

    /// <summary>For connections that this member makes; the server's own pair where it is empty.</summary>
    public string ClientCertFile { get; init; } = "";

    public string ClientKeyFile { get; init; } = "";

    public string TrustedCaFile { get; init; } = "";

    public bool ClientCertAuth { get; init; }

    public string CrlFile { get; init; } = "";

    public IReadOnlyList<string> AllowedNames { get; init; } = [];

    public IReadOnlyList<string> AllowedHostnames { get; init; } = [];

    /// <summary>The versions of TLS that are spoken.</summary>
    public SslProtocols Protocols { get; init; } = SslProtocols.Tls12 | SslProtocols.Tls13;

    public bool IsConfigured => CertFile.Length > 0 || KeyFile.Length > 0;

    /// <summary>A client must show a certificate.</summary>
    public bool DemandsCertificate => ClientCertAuth || TrustedCaFile.Length > 0;

    /// <summary>The server's certificate as its files have it now; an unreadable file is an <see cref="IOException"/>.</summary>
    public X509Certificate2 Certificate()
    {
        lock (_lock)
        {
            RequireBoth(CertFile, KeyFile);
            DateTime changed = Latest(File.GetLastWriteTimeUtc(CertFile), File.GetLastWriteTimeUtc(KeyFile));
            if (_certificate is null || changed != _readAt)
            {
                _certificate = Load(CertFile, KeyFile);
                _context = null;
                _readAt = changed;
            }

            return _certificate;
        }
    }

    /// <summary>The server's certificate with those that follow it in its file, which a client needs to find its way to the authority.</summary>
    public SslStreamCertificateContext CertificateWithChain()
    {
        lock (_lock)
        {
            X509Certificate2 certificate = Certificate();
            if (_context is null)
            {
                var chain = new X509Certificate2Collection();
                chain.ImportFromPemFile(CertFile);
                _context = SslStreamCertificateContext.Create(certificate, chain, offline: true);
            }

            return _context;
        }
    }

    /// <summary>Reads every file once, so that a wrong one refuses the start; an <see cref="IOException"/> tells which.</summary>
    public void Check()
    {
        if (AllowedNames.Count > 0 && AllowedHostnames.Count > 0)
        {
            throw new IOException($"AllowedCNs and AllowedHostnames are mutually exclusive (cns=[{Quoted(AllowedNames)}], "
                + $"hostnames=[{Quoted(AllowedHostnames)}])");
        }

        if (TrustedCaFile.Length > 0 && !File.Exists(TrustedCaFile))
        {
            throw new IOException($"open {TrustedCaFile}: no such file or directory");
        }

        try
        {
            CertificateWithChain();
            _ = ClientCertificate();
            _ = Authorities();
        }
        catch (CryptographicException error)
        {
            throw new IOException($"{CertFile}, {TrustedCaFile}: {error.Message}", error);
        }
    }

    /// <summary>What this member shows when it connects; null for nothing.</summary>
    public X509Certificate2? ClientCertificate() =>
        ClientCertFile.Length > 0 ? Load(ClientCertFile, ClientKeyFile) : IsConfigured ? Certificate() : null;

    /// <summary>The authorities that are trusted; null for the system's.</summary>
    public X509Certificate2Collection? Authorities()
    {
        if (TrustedCaFile.Length == 0)
        {
            return null;
        }

        var authorities = new X509Certificate2Collection();
        authorities.ImportFromPemFile(TrustedCaFile);
        return authorities;
    }

    /// <summary>Why a certificate of the other side is not accepted; null if it is.</summary>
    /// <param name="usage">What the certificate is for: a client's or a server's.</param>
    public string? Fault(X509Certificate2? certificate, X509Chain? given, string usage)
    {
        if (certificate is null)
        {
            return "no certificate was shown";
        }

        using var chain = new X509Chain();
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.ApplicationPolicy.Add(new Oid(usage));
        if (Authorities() is { } authorities)
        {
            chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
            chain.ChainPolicy.CustomTrustStore.AddRange(authorities);
        }

        if (given is not null)
        {
            foreach (X509ChainElement element in given.ChainElements)
            {
                chain.ChainPolicy.ExtraStore.Add(element.Certificate);
            }
        }

        if (!chain.Build(certificate))
        {
            return $"certificate \"{certificate.Subject}\": {string.Join("; ", chain.ChainStatus.Select(status => status.StatusInformation.Trim()))}";
        }

        if (CrlFile.Length > 0 && CertificateRevocationFile.Contains(CrlFile, certificate))
        {
            return $"certificate \"{certificate.Subject}\" serial {certificate.SerialNumber} is revoked";
        }

        if (AllowedNames.Count > 0 && !AllowedNames.Contains(certificate.GetNameInfo(X509NameType.SimpleName, false)))
        {
            return $"CN \"{certificate.GetNameInfo(X509NameType.SimpleName, false)}\" is not authorized";
        }

        return AllowedHostnames.Count > 0 && !AllowedHostnames.Any(name => certificate.MatchesHostname(name))
            ? $"certificate \"{certificate.Subject}\" is not for an allowed host name"
            : null;
    }

    private static X509Certificate2 Load(string certFile, string keyFile)
    {
        RequireBoth(certFile, keyFile);
        foreach (string file in (string[])[certFile, keyFile])
        {
            if (!File.Exists(file))
            {
                throw new IOException($"open {file}: no such file or directory");
            }
        }

        try
        {
            return X509Certificate2.CreateFromPemFile(certFile, keyFile);
        }
        catch (CryptographicException error)
        {
            throw new IOException($"{certFile}, {keyFile}: {error.Message}", error);
        }
    }

    private static void RequireBoth(string certFile, string keyFile)
    {
        if (certFile.Length == 0 || keyFile.Length == 0)
        {
            throw new IOException($"KeyFile and CertFile must both be present[key: {keyFile}, cert: {certFile}]");
        }
    }

    private static string Quoted(IEnumerable<string> names) => string.Join(' ', names.Select(name => $"\"{name}\""));

    private static DateTime Latest(DateTime one, DateTime other) => one > other ? one : other;
}
