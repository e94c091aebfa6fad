using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Quorate.Server.Hosting;
using Quorate.Server.Logging;
using Xunit;

namespace Quorate.Server.Tests.Security;

/// <summary>TLS of the client port, with an authority that the test makes (spec 06 §10).</summary>
public sealed class TlsTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("quorate-tls").FullName;
    private readonly X509Certificate2 _root, _between;

    /// <summary>A loopback address of this test's own: a port that was free there a moment ago is still.</summary>
    private readonly IPAddress _address =
        new([127, (byte)Random.Shared.Next(1, 100), (byte)Random.Shared.Next(256), (byte)Random.Shared.Next(1, 255)]);

    public TlsTests()
    {
        _root = Make("root", issuer: null, isAuthority: true);
        _between = Make("between", _root, isAuthority: true);
        File.WriteAllText(PathOf("ca.crt"), _root.ExportCertificatePem());
    }

    public void Dispose()
    {
        _root.Dispose();
        _between.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    [Theory]
    [InlineData("--tls-min-version=TLS1.3", SslProtocols.Tls13, SslProtocols.Tls12)]
    [InlineData("--tls-max-version=TLS1.2", SslProtocols.Tls12, SslProtocols.Tls13)]
    public async Task Versions_outside_the_bounds_are_refused(string flag, SslProtocols allowed, SslProtocols refused)
    {
        Save("server", _root);
        int port = FreePort();
        await using EtcdServer server = await StartAsync(port, [.. Files("server"), flag]);
        Assert.Equal(allowed, await ConnectAsync(port, allowed));
        await Assert.ThrowsAnyAsync<Exception>(() => ConnectAsync(port, refused));
    }

    [Fact]
    public async Task Certificates_between_the_server_and_the_authority_are_sent()
    {
        Save("server", _between, _between);
        int port = FreePort();
        await using EtcdServer server = await StartAsync(port, Files("server"));
        Assert.Equal(SslProtocols.Tls13, await ConnectAsync(port, SslProtocols.Tls13));
    }

    [Fact]
    public async Task A_client_without_a_certificate_of_the_authority_is_refused()
    {
        Save("server", _root);
        int port = FreePort();
        await using EtcdServer server = await StartAsync(port, [.. Files("server"), $"--trusted-ca-file={PathOf("ca.crt")}"]);
        using X509Certificate2 known = Make("known", _root, isAuthority: false), foreign = Make("foreign", issuer: null, isAuthority: true);
        Assert.Equal(SslProtocols.Tls12, await ConnectAsync(port, SslProtocols.Tls12, known));
        await Assert.ThrowsAnyAsync<Exception>(() => ConnectAsync(port, SslProtocols.Tls12));
        await Assert.ThrowsAnyAsync<Exception>(() => ConnectAsync(port, SslProtocols.Tls12, foreign));
    }

    [Fact]
    public async Task Wrong_files_refuse_the_start_and_are_named()
    {
        Save("server", _root);
        string missing = PathOf("missing.crt");
        IOException error = await Assert.ThrowsAsync<IOException>(
            () => StartAsync(FreePort(), [$"--cert-file={missing}", $"--key-file={PathOf("server.key")}"]));
        Assert.Equal($"open {missing}: no such file or directory", error.Message);
        error = await Assert.ThrowsAsync<IOException>(() => StartAsync(FreePort(), [$"--cert-file={PathOf("server.crt")}"]));
        Assert.Equal($"KeyFile and CertFile must both be present[key: , cert: {PathOf("server.crt")}]", error.Message);
        error = await Assert.ThrowsAsync<IOException>(() => StartAsync(FreePort(), [.. Files("server"), $"--trusted-ca-file={missing}"]));
        Assert.Equal($"open {missing}: no such file or directory", error.Message);
    }

    private string PathOf(string name) => Path.Combine(_directory, name);

    private string[] Files(string name) => [$"--cert-file={PathOf(name + ".crt")}", $"--key-file={PathOf(name + ".key")}"];

    private int FreePort()
    {
        using var listener = new TcpListener(_address, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private async Task<EtcdServer> StartAsync(int port, string[] flags)
    {
        string client = $"https://{_address}:{port}", peer = $"http://{_address}:{FreePort()}";
        EtcdOptions options = EtcdOptions.FromCommandLine(
            [
                "--name=m", $"--data-dir={PathOf("data")}", $"--listen-client-urls={client}", $"--advertise-client-urls={client}",
                $"--listen-peer-urls={peer}", $"--initial-advertise-peer-urls={peer}", $"--initial-cluster=m={peer}", .. flags,
            ],
            new Dictionary<string, string>());
        var log = new EtcdLog(LogLevel.Fatal, [], isConsole: false, TimeProvider.System);
        return await EtcdServer.StartAsync(options, log, TestContext.Current.CancellationToken);
    }

    /// <summary>Connects, and asks for one byte of an answer: with TLS 1.3 a client learns only then that it was refused.</summary>
    private async Task<SslProtocols> ConnectAsync(int port, SslProtocols protocol, X509Certificate2? certificate = null)
    {
        CancellationToken cancellation = TestContext.Current.CancellationToken;
        using var socket = new TcpClient();
        await socket.ConnectAsync(_address, port, cancellation);
        await using var stream = new SslStream(socket.GetStream());
        await stream.AuthenticateAsClientAsync(
            new SslClientAuthenticationOptions
            {
                TargetHost = _address.ToString(),
                EnabledSslProtocols = protocol,
                ClientCertificates = certificate is null ? [] : [certificate],
                CertificateChainPolicy = new X509ChainPolicy
                {
                    RevocationMode = X509RevocationMode.NoCheck,
                    TrustMode = X509ChainTrustMode.CustomRootTrust,
                    CustomTrustStore = { _root },
                    DisableCertificateDownloads = true,
                },
            },
            cancellation);
        await stream.WriteAsync("GET /version HTTP/1.1\r\nHost: x\r\n\r\n"u8.ToArray(), cancellation);
        return await stream.ReadAsync(new byte[1], cancellation) == 1 ? stream.SslProtocol : throw new IOException("closed");
    }

    private void Save(string name, X509Certificate2 issuer, params X509Certificate2[] following)
    {
        using X509Certificate2 certificate = Make(name, issuer, isAuthority: false);
        File.WriteAllText(PathOf(name + ".crt"), string.Join('\n', following.Prepend(certificate).Select(each => each.ExportCertificatePem())));
        File.WriteAllText(PathOf(name + ".key"), certificate.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem());
    }

    private X509Certificate2 Make(string name, X509Certificate2? issuer, bool isAuthority)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(isAuthority, false, 0, critical: true));
        if (!isAuthority)
        {
            OidCollection usages = [new Oid("1.3.6.1.5.5.7.3.1"), new Oid("1.3.6.1.5.5.7.3.2")];
            request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension(usages, critical: false));
            var names = new SubjectAlternativeNameBuilder();
            names.AddIpAddress(_address);
            request.CertificateExtensions.Add(names.Build());
        }

        DateTimeOffset now = DateTimeOffset.UtcNow;
        if (issuer is null)
        {
            return request.CreateSelfSigned(now.AddDays(-1), now.AddDays(30));
        }

        using X509Certificate2 signed = request.Create(
            issuer, issuer.NotBefore.ToUniversalTime(), issuer.NotAfter.ToUniversalTime(), RandomNumberGenerator.GetBytes(12));
        return signed.CopyWithPrivateKey(key);
    }
}
